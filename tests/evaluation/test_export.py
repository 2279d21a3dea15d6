"""An interrupted export leaves nothing that reads as whole, not even an earlier one's parts."""

import json

import numpy as np
import pytest

from projects.kmax.evaluation.export import PanopticExport, PendingFolder

IDS = np.ones((2, 2), np.int64)


def entry(name):
    return dict(image_id=1, file_name=name, segments_info=[])


def export(folder, name):
    """Write a result of one image."""
    made = PanopticExport(str(folder / 'r'))
    made.add(name, IDS)
    made.publish([entry(name)])


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}


def test_appears_when_complete(tmp_path):
    made = PanopticExport(str(tmp_path / 'r'))
    made.add('a.png', IDS)
    assert files(tmp_path) == {'r.panoptic.partial/a.png'}
    made.publish([entry('a.png')])
    assert files(tmp_path) == {'r.panoptic/a.png', 'r.panoptic.json'}


def test_leftovers_and_an_earlier_result_vanish(tmp_path):
    export(tmp_path, 'old.png')
    PanopticExport(str(tmp_path / 'r')).add('interrupted.png', IDS)
    assert files(tmp_path) >= {'r.panoptic/old.png', 'r.panoptic.json'}
    export(tmp_path, 'new.png')
    assert files(tmp_path) == {'r.panoptic/new.png', 'r.panoptic.json'}
    (made,) = json.loads((tmp_path / 'r.panoptic.json').read_text())['annotations']
    assert made['file_name'] == 'new.png'


def test_interrupted_between_folder_and_json(tmp_path, monkeypatch):
    export(tmp_path, 'old.png')

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('projects.kmax.evaluation.export.write_atomically', interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path, 'new.png')
    assert files(tmp_path) == {'r.panoptic/new.png'}


def test_missing_file_of_another_process(tmp_path):
    folder = PendingFolder(tmp_path / 'r')
    with pytest.raises(FileNotFoundError, match='a.png was written by another process, .* share'):
        folder.publish(['a.png'])
    assert not (tmp_path / 'r').exists()
