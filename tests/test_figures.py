"""The figures of the docs show what the package computes; of a model that was not trained."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import runpy
import sys

import numpy as np
import pytest
import torch
from imports import ROOT
from mmdet.apis import init_detector
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.structures import InstanceData

sys.path.append(str(ROOT / 'docs'))
from drawing import decoder, kmeans, layers, losses, merging, void  # noqa: E402
from drawing.canvas import WIDTH, write_picture  # noqa: E402
from drawing.plates import Plate  # noqa: E402
from drawing.study import Study  # noqa: E402

from projects.kmax.models.assigner import KMaXHungarianAssigner  # noqa: E402
from projects.kmax.models.postprocess import maskwise_results  # noqa: E402

PIPELINE = [dict(type=name) for name in ('LoadImageFromFile', 'LoadPanopticIds', 'PackKMaXInputs')]


@pytest.fixture(scope='module')
def study(folder):
    config = Config.fromfile(str(folder / 'everything.py'))
    config.test_dataloader.dataset.pipeline = PIPELINE
    model = init_detector(config, str(folder / 'weights.pth'), device='cpu')
    return Study(model, DATASETS.build(config.test_dataloader.dataset))


@pytest.fixture(scope='module')
def look(study):
    return study.look('2')


@pytest.fixture
def panels(monkeypatch):
    """Return a function that draws with one of the modules and returns its panels."""

    def of(module, draw, *args, **options):
        sheet, shown = module.sheet, []

        def set_panels(panels, columns):
            shown.extend(panels)
            return sheet(panels, columns)

        monkeypatch.setattr(module, 'sheet', set_panels)
        assert draw(*args, **options).shape[1] <= WIDTH + 10
        return shown

    return of


@pytest.fixture
def written(monkeypatch):
    """All that is written on plates."""
    texts = []
    write = Plate.write

    def note(plate, left, top, text, **style):
        texts.append(text)
        write(plate, left, top, text, **style)

    monkeypatch.setattr(Plate, 'write', note)
    return texts


def test_steps_are_those_of_the_model(study, look):
    decoder_layers = study.model.panoptic_head.transformer_decoder.layers
    assert len(look.steps) == len(decoder_layers) == 3
    for step, layer in zip(look.steps, decoder_layers, strict=True):
        expected = torch.zeros_like(step.sums)
        for centre in range(8):
            mine = torch.from_numpy(step.assignment == centre)
            expected[:, centre] = step.values[:, mine].sum(1)
        torch.testing.assert_close(step.sums, expected)
        affinity = torch.einsum('dn,dhw->nhw', step.kernels, step.pixel_feature)
        logits = layer.predictor.mask_bn(affinity[None, None].flatten(3)).view(affinity.shape)
        torch.testing.assert_close(step.mask_logits, logits.detach())


def test_kmeans_tells_how_many_pixels_are_summed(look, written):
    picture = kmeans.draw_kmeans(look)
    assert picture.shape == (*kmeans.SIZE[::-1], 3)
    centres = kmeans.choose_centres(look, look.steps[-1])
    counts = [(look.steps[-1].assignment == centre).sum() for centre in centres]
    assert [text for text in written if 'sum of ' in text and 'pixels' in text][-len(counts) :] == [
        f'sum of {count} pixels' for count in counts
    ]


def test_matches_and_dice_are_the_assigners(look):
    final, output = look.final, look.output
    height, width = final.size
    masks = final.masks.binary[0].view(-1, height, width)
    invalid = final.masks.void[0].view(1, height, width)
    result = KMaXHungarianAssigner().assign(
        InstanceData(scores=output.cls_logits[0], masks=output.mask_logits[0]),
        InstanceData(labels=final.masks.labels[0], masks=masks),
        # Of one length, as InstanceData asks.
        InstanceData(masks=invalid),
    )
    assert {row: int((result.gt_inds == row + 1).nonzero()) for row, _ in look.matched()} == dict(
        look.matched()
    )


def test_losses_show_dice_and_cross_entropy(study, look, panels):
    shown = panels(losses, losses.draw_losses, look)
    pairs = look.matched()
    assert len(pairs) == 2 and len(shown) == len(pairs) + 3
    probs = look.probabilities(look.output)
    valid = ~look.final.masks.void[0].numpy()
    for (row, query), panel in zip(pairs, shown[1:], strict=False):
        mask = look.final.masks.binary[0, row].numpy()
        mine = probs[query].ravel() * valid
        dice = (mine * mask).sum() / ((mask.sum() + mine.sum()) / 2 + 1e-5)
        label = look.final.masks.labels[0, row]
        prob = look.output.cls_logits[0, query].softmax(-1)[label]
        assert panel.detail == f'Dice {dice:.2f} × class {prob:.2f}'
    weight = study.model.panoptic_head.criterion.losses['loss_mask'].loss_weight
    assert weight * losses.mean_loss(look) == pytest.approx(look.terms['loss_mask'], rel=1e-5)
    assert f'{losses.mean_loss(look):.2f}' in shown[-1].detail


def test_one_panel_of_each_layer(look, panels):
    shown = panels(layers, layers.draw_centre, look)
    assert [panel.title for panel in shown] == [
        *('image', 'layer 1, stride 32', 'layer 2, stride 16', 'layer 3, stride 8'),
        'final, stride 4',
    ]
    row, query = next(pair for pair in look.matched() if pair[0] == 0)
    assert shown[-1].detail == f'Dice {look.final.matches.cls_weight[0, query]:.2f}'
    assert layers.draw_tour(look).shape[1] == 3 * (layers.TOUR_PANEL + 12) + 12


@pytest.mark.parametrize(
    'limits',
    [
        dict(),
        dict(pixel_confidence_threshold=0.12),
        dict(pixel_confidence_threshold=0.12, overlap_threshold=0.6, thing_area_limit=900),
    ],
)
def test_merged_masks_are_those_of_the_package(look, limits):
    prediction = look.prediction(**limits)
    merged = merging.merge_masks(prediction)
    panoptic = maskwise_results(prediction)['pan_results'].sem_seg[0].numpy()
    labels = np.full(merged.owner.shape, prediction.num_classes)
    for mask in merged.pasted:
        labels[merged.owner == mask.query] = mask.label
    height, width = panoptic.shape
    np.testing.assert_array_equal(panoptic % 1000, labels[:height, :width])


def test_one_frame_of_each_mask(look, panels):
    merged = merging.merge_masks(look.prediction())
    shown = panels(merging, merging.draw_merging, look)
    assert len(shown) == min(len(merged.masks) + 1, merging.FRAMES)
    left_out = [panel.title.endswith('left out') for panel in shown[:-1]]
    assert left_out == [not mask.fits for mask in merged.masks[-len(left_out) :]]


def test_void_is_that_of_annotation_and_prediction(look, panels):
    shown = panels(void, void.draw_void, look)
    assert shown[1].detail.startswith('14% void')  # 10 rows of 70
    query, share = void.void_query(look)
    probs = look.probabilities(look.output)[query]
    outside = look.final.masks.void[0].view(look.final.size).numpy()
    assert share == pytest.approx((probs * outside).sum() / (probs.sum() + 1e-5), rel=1e-5)


def test_decoder_has_the_numbers_of_its_config(written):
    config = ROOT / 'configs/kmax/kmax_r50_8xb8-150k_coco-panoptic.py'
    decoder.draw_decoder(decoder.build_head(config))
    for text in (
        *('stride 32\n2048', '5 axial blocks\n256 wide, 1024 out', 'layer 6'),
        'classes 128 × (133 + 1)\nmasks 128 × h × w',
    ):
        assert text in written


def test_the_same_bytes_again(study, tmp_path):
    for name in ('first', 'second'):
        write_picture(tmp_path / f'{name}.jpg', kmeans.draw_kmeans(study.look('1'), layer=1))
    assert (tmp_path / 'first.jpg').read_bytes() == (tmp_path / 'second.jpg').read_bytes()


@pytest.mark.parametrize(
    ('script', 'words', 'message'),
    [
        ('figures.py', ['none.py', 'none.pth'], 'argument config: file none.py does not exist'),
        ('figures.py', ['CONFIG', 'none.pth'], 'argument checkpoint: file none.pth does not exist'),
        ('augmentation_figure.py', ['--config', 'none.py'], 'argument --config: file none.py does'),
        ('augmentation_figure.py', ['--config', 'CONFIG'], 'config CONFIG lacks train_dataloader'),
        ('augmentation_figure.py', ['--out', 'none'], '--out: none is a folder; name the file'),
        (
            'augmentation_figure.py',
            ['--config', 'TRAINED', '--image', '99', '--out', 'sheet.jpg'],
            '--image must be below 3, got 99',
        ),
    ],
)
def test_scripts_say_in_a_line_what_they_cannot_draw(
    script, words, message, folder, tmp_path, monkeypatch, capsys
):
    (tmp_path / 'none').mkdir()
    monkeypatch.chdir(tmp_path)
    trained = folder / 'trained.py'
    config = Config.fromfile(str(folder / 'everything.py'))
    config.train_dataloader = config.test_dataloader
    config.dump(trained)
    names = dict(CONFIG=str(folder / 'everything.py'), TRAINED=str(trained))
    monkeypatch.setattr(sys, 'argv', [script, *(names.get(word, word) for word in words)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'docs' / script), run_name='__main__')
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.replace(names['CONFIG'], 'CONFIG').startswith(f'{script}: error: {message}')
    assert [path.name for path in tmp_path.rglob('*')] == ['none']
