"""The losses against the numbers the original system recorded."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from projects.kmax.models.losses import KMaXCriterion
from projects.kmax.models.losses.ground_truth import GroundTruthMasks, subsample
from projects.kmax.models.losses.sampling import sample_pixels, sampling_logits
from projects.kmax.models.structures import KMaXOutput, KMaXPrediction, KMaXTargets

EVERY = slice(None)
CASES = ('coco', 'coco_semsample', 'cityscapes', 'ade20k')
TERMS = {
    'loss_cls': 'pq_style_loss_class_term',
    'loss_dice': 'pq_style_loss_mask_dice_term',
    'loss_mask': 'mask_id_cross_entropy_loss',
    'loss_insdis': 'instance_discrimination_loss',
}


class Case:
    """One recorded case, in the layout and class order of this project."""

    dtype = torch.float32

    def __init__(self, folder: Path, name: str) -> None:
        self.meta = json.loads(folder.with_suffix('.json').read_text())[name]
        with np.load(folder) as arrays:
            prefix = name + '/'
            self.arrays = {k[len(prefix) :]: arrays[k] for k in arrays if k.startswith(prefix)}
        self.things, self.stuff = self.meta['thing_ids'], self.meta['stuff_ids']
        self.order = self.things + self.stuff
        self.channels = self.order + [0] * (self.meta['num_classes'] > len(self.order))

    def tensor(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.arrays[name]).to(self.dtype)

    def channels_first(self, name: str) -> torch.Tensor:
        return self.tensor(name).permute(0, 3, 1, 2)

    def prediction(self, level: str, images: slice) -> KMaXPrediction:
        return KMaXPrediction(
            cls_logits=self.tensor(f'{level}.class_logits')[images].requires_grad_(),
            mask_logits=self.channels_first(f'{level}.mask_logits')[images].requires_grad_(),
            pixel_feature=self.channels_first(f'{level}.pixel_feature')[images].requires_grad_(),
        )

    def output(self, images: slice = EVERY) -> KMaXOutput:
        aux = [self.prediction(f'aux{i}', images) for i in range(self.meta['naux'])]
        main = vars(self.prediction('main', images))
        semantic = self.channels_first('semantic_logits')[images][:, self.channels]
        return KMaXOutput(**main, aux=aux, semantic_logits=semantic.requires_grad_())

    def mask_rows(self, image: int) -> list[tuple[int, torch.Tensor]]:
        """Row and mask of each ground-truth mask with pixels, rows numbered as recorded."""
        semantic = self.arrays['gt_semantic'][image]
        ids = self.arrays['gt_thing_id_mask'][image]
        rows = [(int(i), ids == i) for i in np.unique(ids) if i >= 0]
        first_stuff = self.meta['max_thing_id']
        rows += [
            (first_stuff + index, semantic == raw)
            for index, raw in enumerate(self.stuff)
            if (semantic == raw).any()
        ]
        return [(row, torch.from_numpy(mask)) for row, mask in rows]

    def targets(self) -> list[KMaXTargets]:
        targets = []
        for image in range(self.meta['B']):
            raw = torch.from_numpy(self.arrays['gt_semantic'][image]).long()
            semantic = torch.zeros_like(raw)
            for label, raw_id in enumerate(self.order):
                semantic[raw == raw_id] = label
            rows = self.mask_rows(image)
            labels = torch.stack([semantic[mask].min() for _, mask in rows])
            targets.append(
                KMaXTargets(
                    labels=labels,
                    masks=torch.stack([mask for _, mask in rows]),
                    is_thing=labels < len(self.things),
                    semantic=semantic,
                    void=raw == self.meta['ignore_label'],
                    weight=self.tensor('gt_semantic_loss_weight')[image],
                )
            )
        return targets

    def noise(self) -> torch.Tensor:
        return -torch.log(-torch.log(self.tensor('gumbel_u')))

    def criterion(self) -> KMaXCriterion:
        meta = self.meta
        return KMaXCriterion(
            num_classes=len(self.order),
            loss_cls=dict(alpha=meta['focal_alpha'], loss_weight=meta['weights']['pq']),
            loss_dice=dict(alpha=meta['focal_alpha'], loss_weight=meta['weights']['pq']),
            loss_mask=dict(loss_weight=meta['weights']['mask_id']),
            loss_insdis=dict(
                loss_weight=meta['weights']['insdis'],
                num_samples=meta['sample_k'],
                sample_temperature=meta['insdis_sample_temperature'],
                temperature=meta['insdis_temperature'],
            ),
            loss_semantic=dict(
                loss_weight=meta['weights']['semantic'],
                top_k=meta['semantic_topk'],
                num_samples=meta['semantic_sample_k_used_by_loss'],
            ),
        )

    def expected(self) -> dict[str, np.ndarray]:
        """Recorded losses ``(B,)`` under the names of this project."""
        recorded = self.meta['losses']
        expected = {'loss_semantic': np.array(recorded['semantic_loss'])}
        for name, original in TERMS.items():
            expected[name] = np.array(recorded[original])
            for level in range(self.meta['naux']):
                expected[f'd{level}.{name}'] = np.array(recorded[f'aux_{level}{original}'])
        return expected


@pytest.fixture(params=CASES)
def case(request, oracle) -> Case:
    return Case(oracle('tf/tf_losses.npz'), request.param)


def test_every_term_equals_the_recorded_one(case):
    losses = case.criterion()(case.output(), case.targets(), case.noise())
    expected = case.expected()
    assert set(losses) == set(expected)
    for name, values in expected.items():
        assert losses[name].item() == pytest.approx(values.mean(), rel=1e-5), name


def test_every_term_of_each_image_equals_the_recorded_one(case):
    targets, noise = case.targets(), case.noise()
    for image in range(case.meta['B']):
        own = slice(image, image + 1)
        losses = case.criterion()(case.output(own), targets[own], noise[:, own])
        for name, values in case.expected().items():
            assert losses[name].item() == pytest.approx(values[image], rel=1e-5), (image, name)


def test_gradients_equal_the_recorded_ones(case):
    case.dtype = torch.float64
    output = case.output()
    sum(case.criterion()(output, case.targets(), case.noise()).values()).backward()
    levels = {'main': output, 'aux0': output.aux[0]}
    found = {}
    for name, level in levels.items():
        mask_grad = level.mask_logits.grad.permute(0, 2, 3, 1)
        sums = case.arrays[f'{name}.grad_mask_logits_stats']
        found[f'{name}.grad_mask_logits_sample'] = mask_grad[:, ::2, ::2, ::7]
        found[f'{name}.grad_class_logits_sample'] = level.cls_logits.grad[:, ::4, ::3]
        feature_grad = level.pixel_feature.grad.permute(0, 2, 3, 1)
        found[f'{name}.grad_pixel_feature_sample'] = feature_grad[:, ::2, ::2, ::3]
        assert mask_grad.abs().sum().item() == pytest.approx(sums[0], rel=1e-5)
        assert mask_grad.square().sum().item() == pytest.approx(sums[1], rel=1e-5)
    raw_order = torch.zeros(case.arrays['semantic_logits'].shape, dtype=torch.float64)
    raw_order[..., case.channels] = output.semantic_logits.grad.permute(0, 2, 3, 1)
    found['grad_semantic_logits_sample'] = raw_order[:, ::2, ::2, ::5]
    for name, grad in found.items():
        recorded = case.arrays[name]
        limit = 1e-6 * max(np.abs(recorded).max(), 1e-12)
        np.testing.assert_allclose(grad.numpy(), recorded, rtol=0, atol=limit, err_msg=name)


def test_matching_equals_the_recorded_one(case):
    output, criterion = case.output(), case.criterion()
    size = output.mask_logits.shape[-2:]
    masks = GroundTruthMasks.collate(case.targets(), size, torch.float32)
    logits = output.cls_logits.detach(), output.mask_logits.detach().flatten(2)
    matches = criterion.match(*logits, masks)
    rows, slots = (case.arrays[name].tolist() for name in ('match_gt_rows', 'match_slots'))
    queries = dict(zip(map(tuple, rows), slots, strict=True))
    for image in range(case.meta['B']):
        expected = {slot for (i, _), slot in queries.items() if i == image}
        assert set(matches.matched[image].nonzero()[:, 0].tolist()) == expected
        for row, mask in case.mask_rows(image):
            mask = subsample(mask, size).flatten()
            assert mask.any() == ((image, row) in queries)
            if mask.any():
                assert (matches.query[image][mask] == queries[image, row]).all()
    np.testing.assert_array_equal(matches.labels.numpy(), case.arrays['class_target'])


def test_sampled_pixels_equal_the_recorded_ones(case):
    size = case.output().mask_logits.shape[-2:]
    masks = GroundTruthMasks.collate(case.targets(), size, torch.float32)
    calls = 1 + case.meta['naux']
    pixels = case.criterion().losses['loss_insdis'].sample(masks, case.noise()[:calls])
    recorded = np.sort(case.arrays['sample_indices'][:calls], -1)
    np.testing.assert_array_equal(pixels.sort(-1).values.numpy(), recorded)
    if case.meta['semantic_sample_k_used_by_loss']:
        logits = sampling_logits(masks.pixel_area, masks.void, 2.0)
        pixels = sample_pixels(logits, case.noise()[-1], 64)
        recorded = np.sort(case.arrays['sample_indices'][-1], -1)
        np.testing.assert_array_equal(pixels.sort(-1).values.numpy(), recorded)
