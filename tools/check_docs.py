"""Hold README and docs against the code; see tools/docs_check/checking.py."""

from _command import of_clone

if __name__ == '__main__':
    of_clone('docs_check.checking')
