"""What every tool begins with: this clone comes before an installed package."""

import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    from kmax_deeplab import register
    from kmax_deeplab.cli import run
    from kmax_deeplab.errors import report
except ImportError as error:  # Two copies of the package.
    print(f'{Path(sys.argv[0]).name}: error: {error}', file=sys.stderr)
    raise SystemExit(2) from None

__all__ = ['of_clone', 'run']


def of_clone(name: str) -> None:
    """Run a module beside this one, which only a clone has."""
    try:
        register()
        import_module(name).main()
    except Exception as error:
        raise SystemExit(report(error, Path(sys.argv[0]).name)) from None
