"""README and docs say what there is, and the check of them finds what is not."""

import importlib
import sys

import pytest
from imports import ROOT

from kmax_deeplab.released import list_models


@pytest.fixture(scope='module')
def docs_check():
    """The package of the tool, whose folder is on the path of tools alone."""
    sys.path.insert(0, str(ROOT / 'tools'))
    try:
        for name in ('pages', 'words', 'running'):
            importlib.import_module(f'docs_check.{name}')
        yield importlib.import_module('docs_check.checking')
    finally:
        sys.path.remove(str(ROOT / 'tools'))


@pytest.fixture
def faults(docs_check, tmp_path):
    """Return a function from the text of a README to what is wrong with it."""

    def check(text):
        (tmp_path / 'README.md').write_text(text)
        return list(docs_check.find_faults(docs_check.read_pages(tmp_path), tmp_path))

    return check


def test_every_page_says_what_there_is(docs_check):
    pages = docs_check.read_pages()
    assert len(pages) > 30
    assert sum(1 for page in pages for _ in page.commands()) > 100
    assert list(docs_check.find_faults(pages)) == []


@pytest.mark.parametrize(
    ('text', 'fault'),
    [
        (
            '```bash\nkmax-deeplab tarin x.py  # yours\n```',
            'README.md:2: there is no command tarin: kmax-deeplab tarin x.py',
        ),
        (
            'Say\n\n    kmax-deeplab predict a.jpg \\\n        --outt b\n',
            'README.md:3: predict has no option --outt: kmax-deeplab predict a.jpg --outt b',
        ),
        (
            '```bash\ncd x && X=1 python tools/traim.py CONFIG\n```',
            'README.md:2: there is no tools/traim.py: python tools/traim.py CONFIG',
        ),
        (
            '```bash\npython tools/train.py configs/kmax/kmax_r51.py\n```',
            'README.md:2: there is no configs/kmax/kmax_r51.py: '
            'python tools/train.py configs/kmax/kmax_r51.py',
        ),
        (
            '```bash\nkmax-deeplab train kmax_nona_shapes-panoptic\n```',
            'README.md:2: there is no config kmax_nona_shapes-panoptic: '
            'kmax-deeplab train kmax_nona_shapes-panoptic',
        ),
        (
            "```bash\npip install 'kmax-deeplab[depoly]'\n```",
            "README.md:2: there is no extra depoly: pip install 'kmax-deeplab[depoly]'",
        ),
        ('```bash\n\necho "a\n```', 'README.md:3: quotes are not closed: echo "a'),
        ('[a](docs/none.md)', 'README.md:1: there is no docs/none.md'),
        ('# A page\n[a](#a-page) [b](#a-pgae)', 'README.md:2: README.md has no heading #a-pgae'),
        ('```python\nx = (\n```', "README.md:2: this is no python: '(' was never closed"),
        ('```json\n{1}\n```', 'README.md:2: this is no json: Expecting property name'),
    ],
)
def test_faults_are_named_by_place_and_command(faults, text, fault):
    (found,) = faults(text)
    assert found.startswith(fault)


def test_the_command_ends_with_1(docs_check, monkeypatch, capsys):
    monkeypatch.setattr(docs_check, 'find_faults', lambda pages: ['README.md:1: wrong'])
    with pytest.raises(SystemExit) as ended:
        docs_check.main([])
    assert ended.value.code == 1
    assert capsys.readouterr().out.endswith(' 1 faults\nREADME.md:1: wrong\n')


def test_commands_that_are_not_run_have_a_reason(docs_check):
    """Of those that are run, none reaches for the network, a cluster or a server."""
    reason = sys.modules['docs_check.running'].reason_against
    names = {model.alias for model in list_models()}
    left, run = [], []
    for page in docs_check.read_pages():
        for command in page.commands():
            (run if reason(command, names) is None else left).append(str(command))
    assert len(run) > 30
    assert not [c for c in run if 'http' in c and '--image-url' not in c]
    for sign in ('pip ', 'dist_', 'convert', 'kmax_r50_coco', 'docker'):
        assert any(sign in command for command in left)
        assert not any(sign in command for command in run)
