"""Published models by name: downloaded once, converted once, then used without a network."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import files_limited_to, free_port
from mmdet.apis import DetInferencer

from kmax_deeplab.released import checkpoint_folder
from projects.kmax.apis import KMaXInferencer
from projects.kmax.converters import ConversionError
from projects.kmax.released import fetch

ALIAS = 'kmax_axial-r50_coco'
ARCHIVE = 'kmax_maxs_gelu_coco_train.tar.gz'
STEM = 'encoder/_stem/_conv1_bn_act/_conv/kernel/.ATTRIBUTES/VARIABLE_VALUE'


def files():
    return sorted(path.name for path in checkpoint_folder().glob('*'))


def get(**options):
    return fetch(ALIAS, progress=False, **options)


def test_second_use_needs_no_network(
    published_release, archive_server, release_config, monkeypatch
):
    _, name = published_release
    config, checkpoint = get()
    assert config == str(release_config)
    assert checkpoint == str(checkpoint_folder() / name)
    assert files() == [name]
    assert len(torch.load(checkpoint, weights_only=True)['meta']['dataset_meta']['classes']) == 133
    archive_server.statuses = [500] * 9
    monkeypatch.setitem(sys.modules, 'tensorflow', None)
    assert get() == (config, checkpoint)
    assert archive_server.gets == [(ARCHIVE, None)]


def test_a_connection_that_breaks_at_half_gives_the_same_weights(published_release, archive_server):
    _, name = published_release
    half = len(archive_server.files[ARCHIVE]) // 2
    archive_server.breaks = [half, 0, 0]
    with pytest.raises(OSError, match=rf'{ARCHIVE} cannot be downloaded: the connection broke off'):
        get()
    assert files() == [f'{ARCHIVE}.part']
    get()
    assert archive_server.gets[-1] == (ARCHIVE, f'bytes={half}-')
    # It ends in the hash of the whole archive.
    assert files() == [name]


def test_two_processes_download_once(published_release, archive_server, two_processes):
    _, name = published_release
    found = two_processes(lambda rank, port: get())
    assert found[0] == found[1] and found[0][1] == str(checkpoint_folder() / name)
    assert archive_server.gets == [(ARCHIVE, None)]
    assert files() == [name]


@pytest.mark.parametrize('kind', ['text', 'cut', 'another model'])
def test_a_wrong_archive_is_removed(kind, published_release, archive_server, release_variables):
    content = archive_server.files[ARCHIVE]
    message = 'it may be damaged'
    if kind == 'text':
        archive_server.files[ARCHIVE] = b'<html>sign in'
    elif kind == 'cut':
        archive_server.files[ARCHIVE] = content[:-9]
    else:
        del release_variables[STEM]
        message = "the checkpoint has another backbone, but the config's model has AxialResNet"
    with pytest.raises(ConversionError) as error:
        get()
    url = f'{archive_server.url}/{ARCHIVE}'
    start = f'{url} is not the archive of {ALIAS}, and was removed again: '
    assert str(error.value).startswith(start) and message in str(error.value)
    assert files() == []


def test_full_disk_keeps_the_archive(published_release, archive_server):
    _, name = published_release
    with (
        files_limited_to(5000),
        pytest.raises(ValueError, match=f'{name} cannot be written: .*File'),
    ):
        get()
    assert files() == [ARCHIVE]
    get()
    assert name in files() and len(archive_server.gets) == 1


def test_an_archive_that_was_put_there_is_taken_and_left(published_release, archive_server):
    _, name = published_release
    checkpoint_folder().mkdir(parents=True)
    archive = checkpoint_folder() / ARCHIVE
    archive.write_bytes(archive_server.files[ARCHIVE][:-9])
    with pytest.raises(ConversionError, match=f'^{archive} cannot be unpacked'):
        get()
    assert files() == [ARCHIVE]
    archive.write_bytes(archive_server.files[ARCHIVE])
    get()
    assert files() == sorted([ARCHIVE, name])
    assert archive_server.gets == []


def test_without_tensorflow_nothing_is_downloaded(published_release, archive_server, monkeypatch):
    monkeypatch.setitem(sys.modules, 'tensorflow', None)
    with pytest.raises(ValueError, match='needs TensorFlow, .*: pip install tensorflow-cpu'):
        get()
    assert archive_server.gets == [] and not checkpoint_folder().exists()


def test_no_network_says_what_was_asked_for_and_where_it_goes(published_release, monkeypatch):
    mirror = f'http://127.0.0.1:{free_port()}/a/'
    with pytest.raises(OSError) as error:
        get(mirror=mirror)
    text = str(error.value)
    assert text.startswith(f'{mirror}{ARCHIVE} cannot be downloaded: ')
    assert f'It would go to {checkpoint_folder() / ARCHIVE}: an archive that is put there' in text
    assert files() == []


@pytest.mark.parametrize('mirror', ['here', 'file:///etc', 'http://', 'https://a b'])
def test_a_mirror_must_be_a_url(mirror, published_release):
    with pytest.raises(ValueError, match=f'^mirror {mirror} is no URL of a folder, such as https:'):
        get(mirror=mirror)


def test_weights_of_the_port_are_brought_by_hand(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    path = checkpoint_folder() / 'kmax_r50-port_ade20k.pth'
    with pytest.raises(ValueError) as error:
        fetch('kmax_r50-port_ade20k')
    assert str(error.value) == (
        'the weights of kmax_r50-port_ade20k cannot be downloaded by a program: download them from '
        'https://drive.google.com/file/d/1ayqi5WyzHzVJPOr4odZ08Iz2Z7mqTEoy/view and run '
        f'kmax-deeplab convert port FILE {path} --config kmax_r50-port_8xb8-100k_ade20k-panoptic'
    )
    # The command asks for a folder that is there.
    assert path.parent.is_dir()
    path.touch()
    config, checkpoint = fetch('kmax_r50-port_ade20k')
    assert Path(config).name == 'kmax_r50-port_8xb8-100k_ade20k-panoptic.py'
    assert checkpoint == str(path)


def test_an_inferencer_takes_a_name(published_release, archive_server):
    inferencer = DetInferencer(ALIAS, device='cpu', show_progress=False)
    assert len(inferencer.model.dataset_meta['classes']) == 133
    result = inferencer(np.zeros((50, 70, 3), np.uint8), return_datasamples=True)
    assert result['predictions'][0].pred_panoptic_seg.sem_seg.shape == (1, 50, 70)
    ours = KMaXInferencer(ALIAS, device='cpu')
    assert len(ours.classes.names) == 133
    assert ours(np.zeros((50, 70, 3), np.uint8)).id_map.shape == (50, 70)
    assert len(archive_server.gets) == 1
