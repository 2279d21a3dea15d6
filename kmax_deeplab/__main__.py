"""What ``python -m kmax_deeplab`` runs: the command ``kmax-deeplab``."""

from .cli import main

if __name__ == '__main__':
    raise SystemExit(main())
