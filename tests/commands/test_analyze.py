"""``kmax-deeplab analyze``: reports, and trainings, against each other."""

import json

import pytest
from helpers import run_command

from kmax_deeplab import cli
from projects.kmax.evaluation.matching import Matches
from projects.kmax.report.content import make_content
from projects.kmax.report.errors import Cause
from projects.kmax.report.pictures import ImageRecord
from projects.kmax.report.statistics import Statistics

CATEGORIES = {
    3: dict(name='cat', isthing=1),
    1: dict(name='<dog>', isthing=1),
    9: dict(name='sky', isthing=0),
}


def content(iou, missed=0, categories=CATEGORIES, images=(1, 2)):
    """Return a report of a cat that is found with an IoU in each image, and of missed dogs."""
    records = [
        ImageRecord(
            image,
            None,
            Statistics(
                quality={3: Matches(iou=iou, tp=1), 1: Matches(fn=missed)},
                errors={(1, Cause.SPLIT, True): missed},
            ),
        )
        for image in images
    ]
    return make_content({}, 'val.json', categories, records)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes what a report holds; its folder is the working folder."""
    monkeypatch.chdir(tmp_path)

    def make(name, report):
        (tmp_path / name).mkdir()
        text = report if isinstance(report, str) else json.dumps(report)
        (tmp_path / name / 'report.json').write_text(text)

    return make


def test_differences_are_told(write, tmp_path, capsys):
    write('a', content(0.5, missed=1))
    write('b', content(0.75, missed=1))
    write('c', content(0.5))
    words = ('compare', 'a', 'b/report.json', 'c', '--out', 'made/page.html')
    run_command('analyze', 'analyze.py', *words)
    printed = capsys.readouterr().out
    rows = {line.split('  ')[0]: line.split()[-5:] for line in printed.splitlines() if line}
    assert printed.split()[:3] == ['a', 'b', 'c']
    assert rows['PQ All'] == ['25.00', '37.50', '(+12.50)', '50.00', '(+25.00)']
    assert rows['split'] == ['2', '2', '(+0)', '0', '(-2)']
    assert rows['cat'] == ['50.00', '75.00', '(+25.00)', '50.00', '(+0.00)']
    assert '<dog>' not in rows and 'sky' not in rows  # They do not differ.
    page = (tmp_path / 'made' / 'page.html').read_text()
    assert '&lt;dog&gt;' in page and '+12.50' in page
    assert 'http' not in page and 'src="' not in page


def test_equal_reports_do_not_differ(write, capsys):
    for name in 'ab':
        write(name, content(0.5))
    run_command('analyze', 'analyze.py', 'compare', 'a', 'b')
    printed = capsys.readouterr().out
    assert '(+0.00)' in printed and 'largest differences' not in printed


OTHER_CLASSES = {**CATEGORIES, 9: dict(name='sea', isthing=0)}
LACKING = {name: value for name, value in content(0.5).items() if name != 'sizes'}
BAD = {
    'one report': (('a',), 'two or more reports are needed to compare'),
    'nothing there': (('a', 'none'), 'report none does not exist'),
    'no JSON': (('a', 'broken'), 'report broken/report.json is not valid JSON'),
    'something else': (('a', 'list'), 'list/report.json is no report that tools/test.py'),
    'a later format': (('a', 'later'), 'later/report.json is a report of format 9, but this'),
    'lacking figures': (('a', 'lacking'), "lacking lacks figures of a report (KeyError: 'sizes')"),
    'words for figures': (('a', 'words'), 'words lacks figures of a report (TypeError'),
    'fewer images': (('a', 'fewer'), 'fewer has 1 images, but a has 2: only reports of the same'),
    'other images': (('a', 'images'), 'images has other images than a: only reports of the same'),
    'other classes': (('a', 'classes'), 'classes has other classes than a: only reports of'),
    'another ending': (('a', 'a', '--out', 'x.png'), '--out: x.png must end in .html'),
    'a folder to write': (('a', 'a', '--out', 'a'), '--out: a is a folder; name the file'),
}


@pytest.mark.parametrize('kind', BAD)
def test_bad_input_is_one_line(kind, write, tmp_path, capsys):
    write('a', content(0.5))
    write('broken', '{"format": ')
    write('list', [])
    write('later', content(0.5) | dict(format=9))
    write('lacking', LACKING)
    write('words', content(0.5) | dict(images=[dict(id=1, pq='much'), dict(id=2, pq=1)]))
    write('fewer', content(0.5, images=(1,)))
    write('images', content(0.5, images=(1, 5)))
    write('classes', content(0.5, categories=OTHER_CLASSES))
    before = sorted(tmp_path.rglob('*'))
    words, message = BAD[kind]
    with pytest.raises(SystemExit) as end:
        cli.main(['analyze', 'compare', *words])
    printed = capsys.readouterr()
    assert end.value.code == 2
    assert message in printed.err and printed.err.count('\n') == 1
    assert printed.out == '' and sorted(tmp_path.rglob('*')) == before


def test_curves_are_those_of_curve(tmp_path, capsys):
    log = tmp_path / 'run' / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"lr": 0.1, "loss": 2.5, "step": 1}\n{"coco_panoptic/PQ": 12.5, "step": 1}\n')
    for words in (('curve',), ('analyze', 'curves')):
        cli.main([*words, str(tmp_path / 'run'), '--out', str(tmp_path / f'{len(words)}.png')])
    assert (tmp_path / '1.png').read_bytes() == (tmp_path / '2.png').read_bytes()


def test_kinds_are_listed(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(['analyze', 'curve'])
    assert end.value.code == 2
    assert "invalid choice: 'curve' (choose from" in capsys.readouterr().err
