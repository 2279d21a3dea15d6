"""What is loaded before there is anything to do: nothing that takes long."""

import pytest
from helpers import run_python
from imports import ROOT
from mmdet.evaluation.functional import INSTANCE_OFFSET

from kmax_deeplab.cli import COMMANDS
from projects.kmax import void
from projects.kmax.commands import convert
from projects.kmax.converters import FORMATS

HEAVY = (
    'gradio',
    'matplotlib',
    'mmcv',
    'mmdet',
    'mmengine',
    'mmpretrain',
    'mmseg',
    'sympy',
    'torch',
)
REPORT = f'import sys; print(*sorted(set(sys.modules) & {{*{HEAVY!r}}}))'


def test_importing_loads_nothing_heavy():
    result = run_python(f'import projects.kmax; {REPORT}')
    assert result.stdout.strip() == '', result.stderr


def test_a_model_is_found_without_what_plots_or_segments():
    """sympy and matplotlib come with mmdet; mmseg only when one of its models is asked for."""
    script = "from mmdet.registry import MODELS; MODELS.get('KMaXDeepLab').__name__"
    result = run_python(
        f'import projects.kmax; {script}; import sys; print("mmseg.models" in sys.modules)'
    )
    assert result.stdout.strip() == 'False', result.stderr


def test_help_loads_nothing_heavy():
    """All commands in one process, as each would load more than the others, if any."""
    script = f"""
import io
from contextlib import redirect_stdout
from kmax_deeplab import cli
for name in {[*COMMANDS, '']!r}:
    with redirect_stdout(io.StringIO()) as text:
        try:
            cli.main([name, '--help'] if name else ['--help'])
        except SystemExit as stop:
            assert stop.code in (0, None), name
    assert 'usage' in text.getvalue(), name
{REPORT}
"""
    result = run_python(script)
    assert result.stdout.strip() == '', result.stderr


TOOLS = sorted(
    path
    for pattern in ('tools/[a-z]*.py', 'tools/dataset_converters/[a-z]*.py')
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize('tool', TOOLS, ids=lambda path: path.stem)
def test_help_of_tools_loads_nothing_heavy_and_shows_how_to_call_them(tool):
    script = f"""
import runpy, sys
sys.path.insert(0, {str(tool.parent)!r})
sys.argv = [{str(tool)!r}, '--help']
try:
    runpy.run_path({str(tool)!r}, run_name='__main__')
except SystemExit as stop:
    assert stop.code in (0, None)
print('|')
{REPORT}
"""
    result = run_python(script)
    text, _, loaded = result.stdout.rpartition('|')
    assert loaded.strip() == '', result.stderr
    examples = text.partition('\nexamples:\n')[2].replace('\\\n', '').splitlines()
    assert examples and all(f'{line} '.startswith(f'  python {tool} ') for line in examples)


@pytest.mark.parametrize(
    ('light', 'own'),
    [(convert.FORMATS, tuple(FORMATS)), (void.INSTANCE_OFFSET, INSTANCE_OFFSET)],
)
def test_what_stands_twice_for_it_is_equal(light, own):
    assert light == own


def test_a_second_import_asks_no_other_finder_of_ours():
    script = (
        'import sys, projects.kmax; '
        '[sys.modules.pop(name) for name in list(sys.modules) if name.startswith("projects")]; '
        'import projects.kmax, mmengine.fileio; print("imported")'
    )
    assert run_python(script).stdout.strip() == 'imported'
