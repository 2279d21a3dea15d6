"""Where the recorded numbers of the original systems lie."""

import importlib.util
import json
import lzma
import multiprocessing
import os
import socket
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

ROOT = Path(__file__).resolve().parents[1]
PLACES = (ROOT / 'tests' / 'data' / 'oracle', ROOT.parent / 'shared' / 'oracle')


@pytest.fixture(autouse=True)
def _fresh_visualizers():
    """Keep mmengine from handing the visualizer of one test to the next."""
    yield
    Visualizer._instance_dict.clear()


@pytest.fixture(scope='module', autouse=True)
def _fresh_scope():
    """Keep the registries that one module asked for from the next."""
    yield
    DefaultScope._instance_dict.clear()


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
def deeplab2_shapes():
    """Names and shapes of the variables of every released kind of checkpoint of the original."""
    recorded = json.loads(lzma.open(PLACES[0] / 'tf' / 'tfvars.json.xz').read())
    return {case: {name: tuple(s) for name, s, _ in rows} for case, rows in recorded.items()}


@pytest.fixture(scope='session')
def port_shapes():
    """Names and shapes of the tensors in each checkpoint that the PyTorch port released."""
    recorded = json.loads(lzma.open(PLACES[0] / 'pytorch' / 'manifests.json.xz').read())
    return {case: {name: tuple(s) for name, s, _ in rows} for case, rows in recorded.items()}


def _module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='session')
def deeplab2_variables(oracle, deeplab2_shapes):
    """Return a function from a kind of checkpoint to its variables: formula weights."""
    weights = _module('tfweights', oracle('tf/tfweights.py'))

    def make(case: str) -> dict[str, torch.Tensor]:
        shapes = deeplab2_shapes[case].items()
        return {name: torch.from_numpy(weights.make(name, shape)) for name, shape in shapes}

    return make


@pytest.fixture(scope='session')
def port_tensors(oracle, port_shapes):
    """Return a function from a checkpoint of the PyTorch port to its tensors: formula weights."""
    weights = _module('port_weights', oracle('pytorch/weights.py'))

    def make(case: str) -> dict[str, torch.Tensor]:
        shapes = port_shapes[case].items()
        return {name: torch.as_tensor(weights.make(name, shape)) for name, shape in shapes}

    return make


@pytest.fixture(scope='session')
def convert_checkpoint():
    """Return a function that runs tools/convert_checkpoint.py with its arguments."""
    from projects.kmax.commands import convert

    def run(*arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, 'argv', ['convert_checkpoint.py', *map(str, arguments)])
            convert.main()

    return run


@pytest.fixture
def two_processes(tmp_path):
    """Return a function that gives what another one finds in two processes.

    That one is called with the rank of its process and a free port, in the test's folder, and its
    result must be content of a JSON.
    """
    context = multiprocessing.get_context('fork')

    def run(work):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]

        def keep(rank):
            os.chdir(tmp_path)
            (tmp_path / f'found_{rank}.json').write_text(json.dumps(work(rank, port)))

        processes = [context.Process(target=keep, args=(rank,)) for rank in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0, 0]
        return [json.loads((tmp_path / f'found_{rank}.json').read_text()) for rank in range(2)]

    return run
