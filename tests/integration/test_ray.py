"""Labels of many images by Ray, as docs/clusters.md shows."""

import json
import pickle

import numpy as np
import pytest
from imports import ROOT

from projects.kmax.apis import KMaXInferencer

ray = pytest.importorskip('ray', reason='Ray is an extra')


@pytest.fixture
def data():
    """Ray's data sets, of one process of this machine."""
    paths = {'env_vars': {'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}}
    ray.init(num_cpus=1, include_dashboard=False, runtime_env=paths, log_to_driver=False)
    yield pytest.importorskip('ray.data')
    ray.shutdown()


@pytest.mark.slow
def test_map_batches_gives_what_the_inferencer_gives(data, folder, named_weights, images):
    inferencer = KMaXInferencer(folder / 'everything.py', named_weights, 'cpu')
    arrays = [inferencer.read(images / name) for name in ('11.jpg', '12.png')]
    arrays = [array[:70, :90] for array in arrays]

    def label(batch):
        results = inferencer([*batch['image']], channel_order='rgb')
        batch['id_map'] = np.stack([result.id_map for result in results])
        batch['segments_info'] = [json.dumps(result.segments_info) for result in results]
        return batch

    pickle.dumps(inferencer)
    rows = data.from_items([dict(image=array) for array in arrays]).map_batches(label).take_all()
    for row, array in zip(rows, arrays, strict=True):
        assert np.array_equal(row['id_map'], inferencer(array, channel_order='rgb').id_map)
        assert json.loads(row['segments_info'])
