"""Recordings of the original systems, and how many of the tests that compare with them passed."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet, in every test)

import importlib.util
import json
import lzma
import multiprocessing
import os
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers import free_port, run_command
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

from projects.kmax.visualization.local_visualizer import KMaXVisualizer

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = ROOT / 'tests' / 'data' / 'oracle'


def _module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_configure(config):
    """Share the fixtures of models, by their path: other packages are called tests, too."""
    for name in ('tiny_model', 'releases', 'runtime/exported_file'):
        config.pluginmanager.register(_module(Path(name).name, ROOT / f'tests/{name}.py'))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Whoever asks for the oracle compares with it."""
    for item in items:
        if 'oracle' in item.fixturenames:
            item.add_marker('parity')


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    """Say last how many tests of parity passed of those that ran, and why others did not."""
    yield
    passed = {report.nodeid for report in _of_parity(terminalreporter, 'passed')}
    others = {}
    for outcome in ('failed', 'error', 'xfailed', 'skipped'):
        for report in _of_parity(terminalreporter, outcome):
            others[report.nodeid] = report.longrepr[-1] if outcome == 'skipped' else outcome
    for name, reason in others.items():
        terminalreporter.write_line(f'parity: {name}: {reason}')
    if passed or others:
        count = len(passed - others.keys())
        terminalreporter.write_line(f'parity: {count} of {len(passed | others.keys())}')


def _of_parity(terminalreporter, outcome):
    """Reports of an outcome; what crashed or was not collected has no keywords and counts, too.

    But not a file that was passed over and has no such test.
    """
    for report in terminalreporter.stats.get(outcome, []):
        keywords = getattr(report, 'keywords', None)
        if keywords is None and outcome == 'skipped':
            # Its tests were not made; those of parity ask for this fixture.
            keywords = ['parity' if 'oracle' in (ROOT / report.nodeid).read_text() else 'other']
        if 'parity' in (keywords or ['parity']):
            yield report


@pytest.fixture(scope='session', autouse=True)
def _plain_configs():
    """Keep mmengine from formatting the configs that it writes, which may outlast the test."""
    with pytest.MonkeyPatch.context() as patch:
        # mmengine has imported the function; its fork onedl imports it for each text.
        for place in ('mmengine.config.config', 'yapf.yapflib.yapf_api'):
            patch.setattr(f'{place}.FormatCode', lambda text, **_: (text, True), raising=False)
        yield


@pytest.fixture(autouse=True)
def _fresh_visualizers():
    """Keep mmengine from handing the visualizer of one test to the next."""
    yield
    # Each class has its own.
    for kind in (Visualizer, KMaXVisualizer):
        kind._instance_dict.clear()


@pytest.fixture(scope='module', autouse=True)
def _fresh_scope():
    """Keep the registries that one module asked for from the next."""
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope='session')
def recordings():
    """Return a function from a relative name to what was recorded, to make inputs of it."""
    return RECORDINGS.joinpath


@pytest.fixture(scope='session')
def oracle(recordings):
    """Return the same function to a test that compares with the recorded: one of parity."""
    return recordings


@pytest.fixture(scope='session')
def real_data():
    """Return a function from the name of a real data set to its folder, or skip the test."""

    def find(name: str) -> Path:
        folder = ROOT.parent / 'shared' / 'data' / name
        if not folder.exists():
            pytest.skip(f'{folder} is absent: its licence forbids shipping it')
        return folder

    return find


def _shapes(archive):
    recorded = json.loads(lzma.open(RECORDINGS / archive).read())
    return {case: {name: tuple(s) for name, s, _ in rows} for case, rows in recorded.items()}


@pytest.fixture(scope='session')
def deeplab2_shapes():
    """Names and shapes of the variables of every released kind of checkpoint of the original."""
    return _shapes('tf/tfvars.json.xz')


@pytest.fixture(scope='session')
def port_shapes():
    """Names and shapes of the tensors in each checkpoint that the PyTorch port released."""
    return _shapes('pytorch/manifests.json.xz')


def _tensors(formula, shapes):
    def make(case: str) -> dict[str, torch.Tensor]:
        return {k: torch.as_tensor(formula.make(k, shape)) for k, shape in shapes[case].items()}

    return make


@pytest.fixture(scope='session')
def deeplab2_variables(deeplab2_shapes):
    """Return a function from a kind of checkpoint to its variables: formula weights."""
    return _tensors(_module('tfweights', RECORDINGS / 'tf/tfweights.py'), deeplab2_shapes)


@pytest.fixture(scope='session')
def port_formula():
    """The module that makes the weights, and the images, of what was recorded from the port."""
    return _module('port_weights', RECORDINGS / 'pytorch/weights.py')


@pytest.fixture(scope='session')
def port_tensors(port_formula, port_shapes):
    """Return a function from a checkpoint of the PyTorch port to its tensors: formula weights."""
    return _tensors(port_formula, port_shapes)


@pytest.fixture(scope='session')
def convert_checkpoint():
    """Return a function that runs tools/convert_checkpoint.py with its arguments."""
    return partial(run_command, 'convert', 'convert_checkpoint.py')


@pytest.fixture
def two_processes(tmp_path):
    """Return a function that gives what another, of a rank and a port, finds in two processes."""
    context = multiprocessing.get_context('fork')

    def run(work):
        port = free_port()

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
