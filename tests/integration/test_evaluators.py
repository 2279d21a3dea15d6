"""tools/test.py with several evaluators: all results of one forward pass."""

import hashlib
import json
import multiprocessing
import os
import re

import pytest
import torch
from helpers import run_command
from mmengine.config import Config
from mmengine.logging import MessageHub, MMLogger
from mmengine.runner import Runner
from mmengine.visualization import Visualizer

from projects.kmax.evaluation import pq_compute

CONTEXT = multiprocessing.get_context('fork')
OTHERS_OFF = dict(semantic_on=False, instance_on=False)
KINDS = ('Panoptic', 'PipelinePanoptic', 'Instance', 'Semantic')
OURS = tuple(f'KMaX{kind}Metric' for kind in KINDS)


def run_tool(*arguments):
    """Run tools/test.py in this process; return the figures that it found."""
    found = []
    test = Runner.test
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runner, 'test', lambda runner: found.append(test(runner)))
        run_command('test', 'test.py', *arguments)
    for manager in (MMLogger, MessageHub, Visualizer):
        manager._instance_dict.clear()
    return found[0]


@pytest.fixture
def config(folder, tmp_path):
    """Return a function from evaluators to the tool's arguments; the two batches are of 2 and 1."""

    def write(*types, **changes):
        truth = dict(ann_file=str(folder / 'panoptic.json'), seg_prefix=str(folder / 'panoptic'))
        once = dict(type='DefaultSampler', shuffle=False)
        config = Config.fromfile(str(folder / 'everything.py'))
        config.merge_from_dict(
            dict(
                test_cfg=dict(type='TestLoop'),
                test_dataloader=dict(batch_size=2, num_workers=0, sampler=once),
                test_evaluator=[dict(type=name, **truth) for name in types],
                experiment_name=tmp_path.name,
            )
        )
        config.visualizer.name = tmp_path.name
        config.merge_from_dict(changes)
        config.dump(str(tmp_path / 'config.py'))
        work = tmp_path / 'work'
        return tmp_path / 'config.py', folder / 'weights.pth', '--work-dir', work

    return write


def test_one_run_reports_pq_ap_and_miou(config):
    words = config('KMaXPanopticMetric', **{'model.test_cfg': OTHERS_OFF})
    alone = run_tool(*words)
    figures = run_tool(*words, '--all-tasks')
    assert alone.keys() < figures.keys()
    assert alone['coco_panoptic/PQ'] == figures['coco_panoptic/PQ'] > 0
    assert figures['coco/segm_mAP'] >= 0
    assert figures['semantic/mIoU'] > 0


def test_all_tasks_needs_a_panoptic_metric(config, capfd):
    words = config(test_evaluator=[dict(type='SemSegMetric')])
    with pytest.raises(SystemExit, match='2'):
        run_tool(*words, '--all-tasks')
    assert re.search(r"--all-tasks needs .* has \['SemSegMetric'\]$", capfd.readouterr().err)


def test_two_processes_find_the_same(config, two_processes):
    words = config(*OURS)
    one = run_tool(*words)

    def work(rank, port):
        ranks = dict(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE='2')
        os.environ.update(ranks, MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
        torch.set_num_threads(1)
        return run_tool(*words, '--launcher', 'pytorch')

    assert two_processes(work) == [dict(one)] * 2


def test_format_only_writes_and_needs_no_annotations(config, folder, tmp_path):
    expected = run_tool(*config(*OURS))
    info = json.loads((folder / 'panoptic.json').read_text())
    del info['annotations']
    (tmp_path / 'info.json').write_text(json.dumps(info))
    places = ['test_dataloader.dataset', *(f'test_evaluator.{i}' for i in range(len(OURS)))]
    words = config(*OURS, **{f'{x}.ann_file': str(tmp_path / 'info.json') for x in places})
    assert run_tool(*words, '--format-only') == {}
    work = tmp_path / 'work'
    results = work / 'results.panoptic.json'
    made = pq_compute(folder / 'panoptic.json', results, folder / 'panoptic')
    assert 100 * made['All']['pq'] == pytest.approx(expected['coco_panoptic/PQ'], abs=1e-10)
    pngs = sorted(path.name for path in (work / 'results.panoptic').iterdir())
    assert pngs == ['1.png', '2.png', '3.png']
    instances = json.loads((work / 'results.segm.json').read_text())
    assert {entry['image_id'] for entry in instances} <= {1, 2, 3}
    assert not list(work.glob('*.partial'))


def test_two_metrics_do_not_write_the_same_files(config, folder, tmp_path, capfd):
    truth = dict(ann_file=str(folder / 'panoptic.json'), seg_prefix=str(folder / 'panoptic'))
    work = tmp_path / 'work'
    kinds = ('KMaXPanopticMetric', 'CocoPanopticMetric')
    evaluators = [dict(type=kind, outfile_prefix=str(work / 'r'), **truth) for kind in kinds]
    words = config(test_evaluator=evaluators)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')}
    process = CONTEXT.Process(target=run_tool, args=words)
    process.start()
    process.join(120)
    assert process.exitcode == 2
    last = capfd.readouterr().err.strip().splitlines()[-1]
    assert f'test_evaluator: {" and ".join(kinds)} both write to {work}/r.panoptic: give' in last
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob('*')} == before


def read_report(folder):
    return json.loads((folder / 'report.json').read_text()), (folder / 'report.html').read_text()


def test_report_of_a_run(config, folder, tmp_path):
    words = config('KMaXPanopticMetric')
    place = tmp_path / 'new' / 'report'
    expected = run_tool(*words)
    assert run_tool(*words, '--report', place) == expected
    content, page = read_report(place)
    assert content['quality']['All']['pq'] == expected['coco_panoptic/PQ']
    assert sum(each['segments'] for each in content['calibration']['bins']) == sum(
        each['tp'] + each['fp'] for each in content['classes']
    )
    origin = content['origin']
    digest = hashlib.sha256((folder / 'weights.pth').read_bytes()).hexdigest()
    assert (origin['checkpoint'], origin['sha256']) == ('weights.pth', digest[:8])
    assert origin['versions'].keys() >= {'kmax-deeplab', 'python', 'torch', 'mmengine', 'mmdet'}
    assert [image['file'] for image in content['images']] == [
        str(folder / 'images' / f'{number}.png') for number in (1, 2, 3)
    ]
    assert page.count('data:image/jpeg;base64,') == 4 * 3
    run_tool(*words, '--report', place)  # Replaces its own.
    (place / 'report.html').write_text('mine')
    with pytest.raises(SystemExit):
        run_tool(*words, '--report', place)
    assert (place / 'report.html').read_text() == 'mine'
    assert sorted(path.name for path in place.iterdir()) == ['report.html', 'report.json']


NO_REPORT = {
    'no panoptic metric': (
        ['SemSegMetric'],
        ('--report', 'r'),
        r"--report needs a panoptic metric with .* which has \['SemSegMetric'\]$",
    ),
    'no annotations': (
        ['KMaXPanopticMetric'],
        ('--report', 'r', '--format-only'),
        '--report compares with annotations, which --format-only does without; see ',
    ),
    'a file in its place': (
        ['KMaXPanopticMetric'],
        ('--report', 'config.py'),
        r'--report: config\.py/report\.html cannot be made, as .*/config\.py is no folder; see ',
    ),
    'a folder in place of the page': (
        ['KMaXPanopticMetric'],
        ('--report', 'taken'),
        r'--report: taken/report\.html is a folder; name the file to write; see ',
    ),
}


@pytest.mark.parametrize('name', NO_REPORT)
def test_reports_that_cannot_be_written_are_refused_at_once(
    name, config, tmp_path, monkeypatch, capfd
):
    kinds, options, message = NO_REPORT[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'taken' / 'report.html').mkdir(parents=True)
    words = (
        config(*kinds)
        if 'KMaXPanopticMetric' in kinds
        else config(test_evaluator=[dict(type=kind) for kind in kinds])
    )
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')}
    with pytest.raises(SystemExit, match='2'):
        run_tool(*words, *options)
    assert re.search(message, capfd.readouterr().err.strip())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')} == before
