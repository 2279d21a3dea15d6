"""The house as it is drawn: nothing below imports anything above it."""

from functools import cache

import pytest
from imports import ROOT, imported_modules

PACKAGE = ROOT / 'projects' / 'kmax'
# From below to above; what is not among them, as void and faults, lies below all. That compat is
# the last means that only the package itself, which applies it, imports it.
ROOMS = (
    *('runtime', 'panoptic', 'panoptic_format', 'datasets', 'models', 'evaluation'),
    *('visualization', 'engine', 'converters', 'released', 'inspection', 'report'),
    *('dataset_preparation', 'importing', 'pseudo_labels', 'apis', 'deploy', 'benchmark', 'app'),
    *('integrations', 'commands', 'compat', '__init__'),
)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix('.py')


@cache
def rooms_imported():
    """Of each file the rooms of which it imports something."""
    modules = {path: imported_modules(path) for path in PACKAGE.rglob('*.py')}
    return {
        path: {name.split('.')[2] for name in names if name.startswith('projects.kmax.')}
        for path, names in modules.items()
    }


def test_every_room_has_its_place():
    assert {path.parent.name for path in PACKAGE.glob('*/__init__.py')} <= set(ROOMS)


@pytest.mark.parametrize('room', ROOMS)
def test_nothing_below_imports(room):
    above = ROOMS[ROOMS.index(room) :]
    files = [path for path, rooms in rooms_imported().items() if room in rooms]
    assert [str(path) for path in files if room_of(path) not in above] == []
