"""README and docs say what there is, and the check of them finds what is not."""

import importlib
import sys

import pytest
from imports import ROOT


@pytest.fixture(scope='module')
def docs_check():
    """The package of the tool, whose folder is on the path of tools alone."""
    sys.path.insert(0, str(ROOT / 'tools'))
    try:
        for name in ('pages', 'words'):
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
        ('Say\n```bash\nls\n', 'README.md:2: this code block has no end'),
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
