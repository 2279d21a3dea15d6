"""The command that lists the published models and downloads their weights."""

import json

import pytest
from helpers import run_python

from kmax_deeplab import cli
from kmax_deeplab.released import checkpoint_folder, list_models

ALIAS = 'kmax_axial-r50_coco'


def test_the_table_has_a_line_for_each(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    checkpoint_folder().mkdir(parents=True)
    (checkpoint_folder() / 'kmax_r50_cityscapes-01234567.pth').touch()
    assert cli.main(['models']) is None
    header, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [model.alias for model in list_models()]
    (line,) = (line for line in lines if line.split()[0] == 'kmax_r50_cityscapes')
    for words in ('Cityscapes', 'PQ 64.3, AP 38.5, mIoU 79.7', '56.40 M', '426.1', 'Apache-2.0'):
        assert words in line
    assert line.endswith(' yes') and sum(line.endswith(' no') for line in lines) == len(lines) - 1
    assert line.index('Cityscapes') == header.index('data set')


def test_listing_does_without_torch():
    script = 'from kmax_deeplab.cli import main; main(["models"]); import sys; '
    done = run_python(f'{script}print({{"torch", "mmengine", "rich"}} & {{*sys.modules}})')
    assert done.stdout.splitlines()[-1] == 'set()', done.stderr


def test_json_has_urls_and_files(published_release, capsys):
    cli.main(['models', '--fetch', ALIAS])
    capsys.readouterr()
    cli.main(['models', '--json'])
    rows = {row['alias']: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) == 26
    assert rows[ALIAS]['file'] == str(checkpoint_folder() / published_release[1])
    assert rows['kmax_r50_coco']['file'] is None
    assert rows['kmax_r50_coco']['figures'] == {'PQ': 53.0}
    assert rows['kmax_r50_coco']['weights_url'].startswith('https://storage.googleapis.com/')


def test_fetch_prints_where_they_are(published_release, archive_server, monkeypatch, capsys):
    monkeypatch.setenv('KMAX_MIRROR', 'http://127.0.0.1:1')
    model, name = published_release
    assert cli.main(['models', '--fetch', ALIAS, '--mirror', archive_server.url]) == 0
    printed = capsys.readouterr()
    path = checkpoint_folder() / name
    assert printed.out == f'{ALIAS}\n  config      {model.config}\n  checkpoint  {path}\n'
    for step in ('downloading', 'reading  ', 'converting'):
        assert f'{step} ' in printed.err


@pytest.mark.usefixtures('published_release')
@pytest.mark.parametrize(('others', 'status'), [([], 2), ([ALIAS], 1)])
def test_a_model_that_cannot_be_fetched_is_one_line(others, status, capsys):
    assert cli.main(['models', '--fetch', 'kmax_r50-port_coco', *others]) == status
    printed = capsys.readouterr()
    start = 'kmax-deeplab models: error: kmax_r50-port_coco: the weights of kmax_r50-port_coco'
    (line,) = (line for line in printed.err.splitlines() if 'error' in line)
    assert line.startswith(start)
    assert [line for line in printed.out.splitlines() if line[0] != ' '] == others


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['--fetch', 'kmax_r50_coc'], 'argument --fetch: no published model is called kmax_r50'),
        (['--fetch'], 'expected at least one argument'),
        (['--mirror', 'http://a'], '--mirror says where --fetch downloads from: give both'),
        (['--json', '--fetch', ALIAS], 'not allowed with argument --json'),
    ],
)
def test_wrong_words_are_one_line(words, message, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(['models', *words])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert message in err and err.count('\n') == 1
