"""The pickle of ``--out`` is whole or what was there before."""

import errno
import os
import pickle

import pytest

from projects.kmax.evaluation.dump import DumpResults


def test_predictions_are_written(tmp_path):
    metric = DumpResults(out_file_path=str(tmp_path / 'made' / 'a.pkl'))
    assert metric.compute_metrics([dict(img_id=1)]) == {}
    assert pickle.loads((tmp_path / 'made' / 'a.pkl').read_bytes()) == [dict(img_id=1)]


def test_a_full_disk_leaves_the_former_file(tmp_path, monkeypatch):
    (tmp_path / 'a.pkl').write_bytes(b'former')

    def fail(results, file, **_):
        file.write(b'half')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pickle, 'dump', fail)
    with pytest.raises(OSError, match=f'No space left on device: .{tmp_path}/a.pkl'):
        DumpResults(out_file_path=str(tmp_path / 'a.pkl')).compute_metrics([])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b'former']
