"""Where the recorded numbers of the original systems lie."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PLACES = (ROOT / 'tests' / 'data' / 'oracle', ROOT.parent / 'shared' / 'oracle')


@pytest.fixture(scope='session')
def oracle():
    """Return a function from a relative name to its file; the test is skipped when it is absent."""

    def find(name: str) -> Path:
        for place in PLACES:
            if (place / name).exists():
                return place / name
        pytest.skip(f'{name} is in none of {", ".join(str(place) for place in PLACES)}')

    return find


@pytest.fixture(scope='session')
def real_data():
    """Return a function from the name of a real data set to its folder, or skip the test."""

    def find(name: str) -> Path:
        folder = ROOT.parent / 'shared' / 'data' / name
        if not folder.exists():
            pytest.skip(f'{folder} is absent: its licence forbids shipping it')
        return folder

    return find


@pytest.fixture(scope='session')
def deeplab2_variables(oracle):
    """Return a function from a recorded case to the original's variables: formula weights."""
    spec = importlib.util.spec_from_file_location('tfweights', oracle('tf/tfweights.py'))
    weights = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(weights)

    def make(case: str, num_classes: int) -> dict:
        """Variables of ``case``, its class heads cut or grown to ``num_classes`` channels."""
        variables = {}
        for name, shape, _ in json.loads(oracle(f'tf/tfvars_{case}.json').read_text()):
            if 'class_head' in name or 'semantic_last_layer' in name:
                shape = [*shape[:-1], num_classes]
            variables[name] = weights.make(name, shape)
        return variables

    return make
