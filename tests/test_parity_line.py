"""The line that ends each run."""

from types import SimpleNamespace

import pytest


@pytest.fixture
def summary(request):
    """Return a function from the reports of a run, by outcome, to the lines that end it."""
    plugins = request.config.pluginmanager.get_plugins()
    (conftest,) = [p for p in plugins if hasattr(p, 'RECORDINGS')]

    def say(**stats):
        lines = []
        reporter = SimpleNamespace(stats=stats, write_line=lines.append)
        for _ in conftest.pytest_terminal_summary(reporter):
            assert lines == []  # whatever else has its say before
        return lines

    return say


def report(nodeid, *keywords, longrepr=None):
    return SimpleNamespace(nodeid=nodeid, keywords=['x', *keywords], longrepr=longrepr)


def test_what_failed_or_was_skipped_is_named(summary):
    good, bad, plain = report('a', 'parity'), report('b', 'parity'), report('c')
    assert summary(passed=[plain]) == []
    assert summary(passed=[good, bad, plain], failed=[plain]) == ['parity: 2 of 2']
    assert summary(passed=[good, bad], error=[bad]) == ['parity: b: error', 'parity: 1 of 2']
    left_out = report('d', 'parity', longrepr=('file', 1, 'Skipped: it is absent'))
    lines = ['parity: d: Skipped: it is absent', 'parity: 1 of 2']
    assert summary(passed=[good], skipped=[left_out, report('e')]) == lines


def test_what_could_not_be_collected_counts(summary):
    broken = SimpleNamespace(nodeid='test_f.py')
    assert summary(error=[broken]) == ['parity: test_f.py: error', 'parity: 0 of 1']


def test_a_file_that_was_passed_over_counts_if_it_compares(summary):
    why = ('file', 1, 'Skipped: no package')
    other, parity = (
        SimpleNamespace(nodeid=name, longrepr=why)
        for name in ('tests/test_house.py', 'tests/models/test_train_mode_parity.py')
    )
    assert summary(skipped=[other]) == []
    lines = [f'parity: {parity.nodeid}: Skipped: no package', 'parity: 0 of 1']
    assert summary(skipped=[other, parity]) == lines
