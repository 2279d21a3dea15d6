"""Makes ``projects.kmax`` importable where another ``projects`` is found first.

A folder without ``__init__.py``, as ours is, yields to any package or module ``projects`` anywhere
on ``sys.path``.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / 'projects' / 'kmax' / '__init__.py'
COMMAND = 'kmax-deeplab'


class Finder:
    """Finds ``projects.kmax`` beside this package, and makes of any ``projects`` a package.

    Adding to the ``__path__`` of the package found would mean to import it at once, before anyone
    asks for it. It would also not last: Python computes the path of a folder without
    ``__init__.py`` anew whenever ``sys.path`` changes.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is, as ``sys.meta_path`` asks; None for all but these two."""
        if name == 'projects.kmax':
            return spec_from_file_location(name, PACKAGE)
        if name != 'projects':
            return None
        spec = find_projects() or ModuleSpec(name, None, is_package=True)
        if spec.submodule_search_locations is None:
            spec.submodule_search_locations = []
        return spec


def find_projects() -> ModuleSpec | None:
    """Return the ``projects`` that Python would import without our finder.

    Editable installs have finders of their own, behind the one that finds our folder: a package
    with an ``__init__.py`` comes first.
    """
    others = [finder for finder in sys.meta_path if finder is not Finder]
    found = (other.find_spec('projects', None) for other in others if hasattr(other, 'find_spec'))
    specs = [spec for spec in found if spec is not None]
    return min(specs, key=lambda spec: spec.origin is None, default=None)


def claim() -> None:
    """Have ``projects.kmax`` imported from beside this package from now on.

    Raises:
        ImportError: If Python has imported another, or would.
    """
    other = find_other()
    if other is not None:
        message = (
            f'there are two copies of projects.kmax: kmax_deeplab is imported from {ROOT}, but '
            f'projects.kmax from {other}; uninstall or delete one of them, or take its '
            'folder off PYTHONPATH'
        )
        # The script of the command imports this package before it could catch anything.
        if sys.argv and Path(sys.argv[0]).stem == COMMAND:
            print(f'{COMMAND}: error: {message}', file=sys.stderr)
            raise SystemExit(2)
        raise ImportError(message)
    if Finder not in sys.meta_path:
        sys.meta_path.insert(0, Finder)
    found = sys.modules.get('projects')
    if found is not None and not hasattr(found, '__path__'):
        found.__path__ = []


def find_other() -> str | None:
    """Return the folder of another ``projects`` whose ``kmax`` is imported or comes first."""
    imported = sys.modules.get('projects.kmax')
    if imported is not None:
        places = [Path(imported.__path__[0])]
    else:
        places = [Path(folder, 'kmax') for folder in search_path()]
        # A folder alone yields to a package.
        files = ('__init__.py', '../kmax.py')
        places = [place for place in places if any((place / name).is_file() for name in files)]
    if not places or places[0].resolve() == PACKAGE.parent.resolve():
        return None
    return str(places[0].parents[1])


def search_path() -> list[str]:
    """Return where Python looks for what is in ``projects``."""
    if 'projects' in sys.modules:
        return list(getattr(sys.modules['projects'], '__path__', []))
    spec = find_projects()
    return list(spec.submodule_search_locations or []) if spec is not None else []
