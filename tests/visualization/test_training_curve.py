import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from matplotlib.figure import Figure

from projects.kmax.visualization import training_curve as curve


def write_run(work_dir, name, records, tail=''):
    folder = work_dir / name / 'vis_data'
    folder.mkdir(parents=True)
    lines = [json.dumps(record) for record in records]
    (folder / 'scalars.json').write_text('\n'.join([*lines, tail]))


def train(step, loss=1.0):
    return dict(lr=1e-3, loss=loss, loss_cls=loss / 2, step=step, iter=step)


def val(step, quality):
    return {'coco_panoptic/PQ': quality, 'step': step}


def test_resumed_run_replaces_what_it_repeats(tmp_path):
    first = [train(10), train(20), val(20, 5.0), train(30), train(40), val(40, 6.0)]
    write_run(tmp_path, '20260101_000000', first, tail='{"lr": 0.')
    write_run(tmp_path, '20260102_000000', [train(30, 9.0), train(40, 9.0), val(40, 8.0)])
    log = curve.read_training_log(tmp_path)
    assert [(r['step'], r['loss']) for r in log.train] == [(10, 1), (20, 1), (30, 9), (40, 9)]
    assert [(r['step'], r['coco_panoptic/PQ']) for r in log.val] == [(20, 5.0), (40, 8.0)]


def test_new_run_replaces_everything(tmp_path):
    write_run(tmp_path, '20260101_000000', [train(10), train(20), val(20, 5.0)])
    write_run(tmp_path, '20260102_000000', [train(10, 3.0)])
    log = curve.read_training_log(tmp_path)
    assert len(log.train) == 1 and not log.val


def test_validation_numbered_by_epoch_stands_at_its_iteration(tmp_path):
    write_run(tmp_path, '20260101_000000', [train(50), val(1, 5.0), train(100), val(2, 6.0)])
    assert [record['step'] for record in curve.read_training_log(tmp_path).val] == [50, 100]


@pytest.mark.parametrize(
    'records', [[train(10)], [train(10), val(10, 5.0), train(20), val(20, 9.0)]]
)
def test_picture_is_written(tmp_path, records):
    write_run(tmp_path, '20260101_000000', records)
    curve.draw_training_curve(tmp_path, tmp_path / 'curve.png')
    assert cv2.imread(str(tmp_path / 'curve.png')).shape[1] == 1440


def test_nothing_logged(tmp_path):
    with pytest.raises(FileNotFoundError, match='no losses in'):
        curve.read_training_log(tmp_path)


def test_trainings_of_mmdet_and_mmseg_are_compared(tmp_path):
    write_run(tmp_path / 'panoptic', 'run', [train(10), val(10, 40.0), train(20), val(20, 50.0)])
    seg = {'lr': 1e-3, 'loss': 2.0, 'decode.loss_cls': 1.0, 'step': 10}
    write_run(tmp_path / 'semantic', 'run', [seg, {'mIoU': 60.0, 'step': 10}])
    assert curve.read_training_log(tmp_path / 'semantic').val == [{'mIoU': 60.0, 'step': 10}]
    curve.compare_trainings([tmp_path / 'panoptic', tmp_path / 'semantic'], tmp_path / 'both.png')
    assert cv2.imread(str(tmp_path / 'both.png')).shape[1] == 1440
    curve.draw_training_curve(tmp_path / 'semantic', tmp_path / 'curve.png')
    assert cv2.imread(str(tmp_path / 'curve.png')).shape[1] == 1440


def test_trainings_of_one_name_are_told_apart(tmp_path, monkeypatch):
    for folder in ('a', 'b'):
        write_run(tmp_path / folder / 'run', 'run', [train(10), val(10, 40.0)])
    drawn = []
    monkeypatch.setattr(Figure, 'savefig', lambda self, *_, **__: drawn.extend(self.axes))
    folders = [tmp_path / 'a' / 'run', tmp_path / 'b' / 'run']
    curve.compare_trainings(folders, tmp_path / 'curve.png')
    left, right = drawn
    assert [text.get_text() for text in left.get_legend().get_texts()] == [*map(str, folders)]
    assert len(left.lines) == len(right.lines) == 2


def test_nothing_is_compared_with_an_empty_folder(tmp_path):
    write_run(tmp_path / 'panoptic', 'run', [train(10)])
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='no losses in .*empty'):
        curve.compare_trainings([tmp_path / 'panoptic', tmp_path / 'empty'], tmp_path / 'curve.png')
    assert not (tmp_path / 'curve.png').exists()


def test_command_names_the_folder_without_a_log(tmp_path):
    tool = Path(__file__).parents[2] / 'tools' / 'draw_training_curve.py'
    result = subprocess.run([sys.executable, tool, tmp_path], capture_output=True, text=True)
    assert result.returncode == 2
    assert f'error: no losses in {tmp_path}' in result.stderr
    assert not list(tmp_path.iterdir())
