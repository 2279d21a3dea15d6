"""Classes of ours are found by the registries of others, whichever was imported first."""

import subprocess
import sys

import pytest
from mmseg.registry import MODELS

from projects.kmax import registration


@pytest.mark.parametrize('used_before', [False, True])
def test_locations_are_imported_once(monkeypatch, used_before):
    imported, names = [], {'MODELS': registration.LOCATIONS['mmseg.registry']['MODELS']}
    modules = {'mmseg.registry': registration.importlib.import_module('mmseg.registry')}
    monkeypatch.setattr(MODELS, '_imported', used_before)
    monkeypatch.setattr(MODELS, '_locations', [])

    def import_module(name):
        imported.append(name)
        return modules.get(name)

    monkeypatch.setattr(registration.importlib, 'import_module', import_module)
    for _ in range(2):
        registration._add('mmseg.registry', names)
    expected = [f'{registration.PACKAGE}.{name}' for name in names['MODELS']]
    found = [name for name in imported if name not in modules]
    assert (found[: len(expected)] if used_before else MODELS._locations) == expected
    assert bool(found) == used_before


@pytest.mark.parametrize('scope', ['mmdet', 'mmseg'])
def test_the_engine_is_found_by_whoever_asks_first(scope):
    code = (
        'import projects.kmax\n'
        f'from {scope} import registry\n'
        "assert registry.HOOKS.get('MapClassesHook')\n"
        "assert registry.OPTIM_WRAPPER_CONSTRUCTORS.get('KMaXOptimWrapperConstructor')\n"
    )
    subprocess.run([sys.executable, '-c', code], check=True)
