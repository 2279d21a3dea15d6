"""The house as it is drawn: nothing below imports anything above it."""

import pytest
from imports import ROOT, imported_modules

PACKAGE = ROOT / 'projects' / 'kmax'
# Each imports of those before it only; void, faults and their like are for all.
ROOMS = (
    *('runtime', 'panoptic', 'datasets', 'models', 'evaluation', 'visualization', 'engine'),
    *('converters', 'inspection', 'dataset_preparation', 'pseudo_labels', 'commands'),
)


def rooms_imported(path):
    """The folders of the package of which a file imports something."""
    for module in imported_modules(path):
        if module.startswith('projects.kmax.'):
            yield module.split('.')[2]


def test_every_room_has_its_place():
    folders = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}
    assert folders - {'compat'} <= set(ROOMS)


@pytest.mark.parametrize('room', ROOMS)
def test_nothing_below_imports_anything_above(room):
    above = ROOMS[ROOMS.index(room) + 1 :]
    found = {
        f'{path.relative_to(PACKAGE)} imports {name}'
        for path in (PACKAGE / room).rglob('*.py')
        for name in rooms_imported(path)
        if name in above
    }
    assert not found


def test_what_all_rooms_share_imports_none():
    found = {
        f'{path.name} imports {name}'
        for path in PACKAGE.glob('*.py')
        if path.name not in ('__init__.py', 'panoptic_format.py')
        for name in rooms_imported(path)
        if name in ROOMS
    }
    assert not found


def test_workarounds_are_applied_by_the_package_alone():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob('*.py')
        if path.parent.name != 'compat' and 'compat' in rooms_imported(path)
    }
    assert found == {'__init__.py'}
