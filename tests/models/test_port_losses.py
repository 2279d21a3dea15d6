"""The port's options of the losses against the numbers the port recorded."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from projects.kmax.models.losses import KMaXCriterion
from projects.kmax.models.losses.ground_truth import GroundTruthMasks, subsample
from projects.kmax.models.losses.sampling import sample_pixels, sampling_logits
from projects.kmax.models.structures import KMaXOutput, KMaXPrediction, KMaXTargets

PORT = dict(
    assigner=dict(match_empty_masks=True),
    void='unmatched',
    split_overlaps=True,
    align_corners='odd_height',
    **{name: dict(loss_weight=1.0) for name in ('loss_cls', 'loss_dice', 'loss_mask')},
)
TERMS = {
    'loss_cls': 'loss_ce',
    'loss_dice': 'loss_dice',
    'loss_mask': 'loss_mask',
    'loss_insdis': 'loss_pixel_insdis',
    'loss_semantic': 'loss_aux_semantic',
}
# Options of each case beside PORT, pixels sampled by the semantic loss, its logits.
CASES = {
    'topk256': (dict(), 256, 'sem'),
    'gumbel256': (dict(), 256, 'sem'),
    'allpix': (dict(), 4096, 'sem'),
    'sem_k0': (dict(), 0, 'sem'),
    'sem_lowres_k0': (dict(), 0, 'sem_low'),
    'sem_lowres_all': (dict(), 4096, 'sem_low'),
    'noshare_allpix': (dict(share_matching=False), 4096, 'sem'),
    'novoidmask_allpix': (dict(loss_dice=dict(loss_weight=1.0, mask_void=False)), 4096, 'sem'),
}


class Recorded:
    """The recorded inputs, in the layout of this project, and what came out."""

    def __init__(self, oracle) -> None:
        with np.load(oracle('pytorch/losses.npz')) as arrays:
            self.arrays = {name: arrays[name] for name in arrays}
        recorded = json.loads(oracle('pytorch/losses.json').read_text())
        self.cases, self.meta = recorded['cases'], recorded['meta']
        self.size = self.meta['H'], self.meta['W']

    def prediction(self, prefix: str) -> KMaXPrediction:
        def tensor(name: str) -> torch.Tensor:
            return torch.from_numpy(self.arrays[prefix + name]).float().requires_grad_()

        return KMaXPrediction(tensor('pred_logits'), tensor('pred_masks'), tensor('pixel_feature'))

    def output(self, semantic: str) -> KMaXOutput:
        aux = [self.prediction(f'aux{level}_') for level in range(self.meta['n_aux'])]
        logits = torch.from_numpy(self.arrays[semantic]).float().requires_grad_()
        return KMaXOutput(**vars(self.prediction('')), aux=aux, semantic_logits=logits)

    def masks(self, name: str, count: int) -> torch.Tensor:
        shape = count, *self.size
        bits = np.unpackbits(self.arrays[name])[: np.prod(shape)]
        return torch.from_numpy(bits.reshape(shape)).bool()

    def targets(self) -> list[KMaXTargets]:
        targets = []
        for image in range(self.meta['B']):
            labels = torch.from_numpy(self.arrays[f'gt{image}_labels'])
            masks = self.masks(f'gt{image}_masks', len(labels))
            targets.append(targets_of(masks, labels, self.arrays[f'gt{image}_sem']))
        return targets

    def truth(self, targets: list[KMaXTargets]) -> GroundTruthMasks:
        return GroundTruthMasks.collate(targets, self.size, torch.float32, 'unmatched')

    def criterion(self, samples: int = 4096, semantic_samples: int = 4096, **options):
        return KMaXCriterion(
            self.meta['num_classes'],
            loss_insdis=dict(
                num_samples=samples,
                sample_temperature=self.meta['insdis_temperature_sample'],
                temperature=self.meta['insdis_temperature'],
            ),
            loss_semantic=dict(
                num_samples=semantic_samples,
                sample_temperature=self.meta['aux_semantic_temperature'],
            ),
            **{**PORT, **options},
        )

    def noise(self, case: str, semantic: str) -> list[torch.Tensor]:
        """Draws that select the recorded pixels, in this project's order of samplings."""
        calls = [n for n in range(4) if f'{case}__sample{n}_idx' in self.arrays]
        pixels_of_mask = self.size[0] * self.size[1]
        sizes = [pixels_of_mask] * 3
        if len(calls) == 4:  # the port's order is final, semantic, auxiliary
            calls = [0, 2, 3, 1]
            sizes.append(self.arrays[semantic][0, 0].size)
        noise = []
        for call, size in zip(calls, sizes, strict=True):
            pixels = torch.from_numpy(self.arrays[f'{case}__sample{call}_idx']).long()
            noise.append(torch.zeros(len(pixels), size).scatter(1, pixels, 1e3))
        return noise

    def check(self, losses: dict[str, torch.Tensor], values: dict[str, float]) -> None:
        """Compare losses with the recorded values of the same terms."""
        expected = {ours: values[theirs] for ours, theirs in TERMS.items()}
        for level in range(self.meta['n_aux']):
            for ours, theirs in list(TERMS.items())[:4]:
                expected[f'd{level}.{ours}'] = values[f'{theirs}_{level}']
        assert set(losses) == set(expected)
        for name, value in expected.items():
            assert close(losses[name], value), name

    def weight(self, name: str) -> float:
        return self.meta['weight_dict'][TERMS[name.split('.')[-1]]]


def targets_of(masks: torch.Tensor, labels: torch.Tensor, semantic: np.ndarray) -> KMaXTargets:
    classes = torch.from_numpy(semantic)
    return KMaXTargets(
        labels=labels,
        masks=masks,
        is_thing=labels < 80,
        semantic=classes.clamp(min=0),
        void=classes < 0,
        weight=torch.ones(classes.shape),
    )


@pytest.fixture(scope='module')
def recorded(oracle):
    return Recorded(oracle)


def evaluate(recorded: Recorded, case: str):
    options, semantic_samples, semantic = CASES[case]
    samples = 256 if case.endswith('256') else 4096
    criterion = recorded.criterion(samples, semantic_samples, **options)
    output = recorded.output(semantic)
    losses = criterion(output, recorded.targets(), recorded.noise(case, semantic))
    return output, losses


def leaves_of(output: KMaXOutput) -> dict[str, torch.Tensor]:
    """Return what gradients are recorded of, under the recorded names."""
    leaves = {'aux_semantic_pred': output.semantic_logits}
    for prefix, level in zip(('', 'aux0_', 'aux1_'), (output, *output.aux), strict=True):
        leaves[f'{prefix}pred_logits'] = level.cls_logits
        leaves[f'{prefix}pred_masks'] = level.mask_logits
        leaves[f'{prefix}pixel_feature'] = level.pixel_feature
    return leaves


def close(value: torch.Tensor, expected: float):
    return value.item() == pytest.approx(expected, rel=1e-5, abs=1e-12)


@pytest.mark.parametrize('case', CASES)
def test_every_term_equals_the_recorded_one(recorded, case):
    _, losses = evaluate(recorded, case)
    recorded.check(losses, recorded.cases[case]['unweighted'])
    total = sum(recorded.weight(name) * loss for name, loss in losses.items())
    assert close(total, recorded.cases[case]['weighted_total'])


@pytest.mark.parametrize('case', CASES)
def test_gradients_equal_the_recorded_ones(recorded, case):
    output, losses = evaluate(recorded, case)
    sum(recorded.weight(name) * loss for name, loss in losses.items()).backward()
    leaves = leaves_of(output)
    for name, norm in recorded.cases[case]['grad_norm_weighted_total'].items():
        assert close(leaves[name].grad.double().norm(), norm), name
    for name in ('pred_masks', 'pred_logits', 'pixel_feature', 'aux_semantic_pred'):
        expected = recorded.arrays[f'{case}__grad_{name}__stride17']
        found, limit = leaves[name].grad.reshape(-1)[::17].numpy(), 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(found, expected, rtol=0, atol=limit, err_msg=name)


@pytest.mark.parametrize('case', CASES)
def test_gradient_of_each_term_has_the_recorded_norm(recorded, case):
    output, losses = evaluate(recorded, case)
    leaves = leaves_of(output)
    for name, norms in recorded.cases[case]['grad_norm_per_loss_unweighted'].items():
        level, theirs = '', name
        if name[-1].isdigit():
            theirs, level = name[:-2], f'd{name[-1]}.'
        ours = level + next(ours for ours, their in TERMS.items() if their == theirs)
        for leaf, norm in norms.items():
            (grad,) = torch.autograd.grad(losses[ours], leaves[leaf], retain_graph=True)
            assert close(grad.double().norm(), norm), (name, leaf)


def test_matching_equals_the_recorded_one(recorded):
    output, criterion = recorded.output('sem'), recorded.criterion()
    truth = recorded.truth(recorded.targets())
    matches = criterion.match(output.cls_logits, output.mask_logits.flatten(2), truth)
    for image, expected in enumerate(recorded.cases['allpix']['matcher']):
        assert matches.matched[image].nonzero()[:, 0].tolist() == expected['row']
        labels = recorded.arrays[f'gt{image}_labels'][expected['col']]
        assert matches.labels[image, expected['row']].tolist() == labels.tolist()
        for values, name in ((matches.cls_weight, 'dice'), (matches.mask_weight, 'cls_prob')):
            found = values[image, expected['row']].detach()
            np.testing.assert_allclose(found.numpy(), expected[name], rtol=1e-5)
    sums = {name: entry['sum'] for name, entry in recorded.cases['allpix']['processed'].items()}
    masks = truth.keep_matched(matches)
    assert masks.void.sum() == sums['pixel_gt_void_mask']
    assert matches.area.sum() == sums['masks']
    assert matches.labels.sum() == sums['labels']
    inverse = (masks.pixel_area.shape[1] / masks.pixel_area).double().sum()
    assert close(inverse, sums['inverse_gt_mask_area'])
    assert close(matches.cls_weight.sum(), sums['pq_loss_class_weight'])
    assert close(matches.mask_weight.sum(), sums['pq_loss_mask_weight'])


@pytest.mark.parametrize('call, temperature', [(0, 1.5), (1, 2.0)])
def test_plain_top_k_samples_the_recorded_pixels(recorded, call, temperature):
    truth = recorded.truth(recorded.targets())
    logits = sampling_logits(truth.pixel_area, truth.void, temperature)
    # The port's logits tie within a mask; the recorded sort is stable.
    first_comes_first = torch.arange(logits.shape[1]) * -4e-6
    pixels = sample_pixels(logits, first_comes_first.expand_as(logits), 256).sort(-1).values
    recorded_pixels = np.sort(recorded.arrays[f'topk256__sample{call}_idx'], -1)
    np.testing.assert_array_equal(pixels.numpy(), recorded_pixels)


NONE = np.full((33, 41), -1)
EMPTY = torch.zeros(1, 33, 41, dtype=torch.bool)
ALTERED = {
    'zero_gt_one_image': ([1], EMPTY[:0], torch.zeros(0, dtype=torch.int64)),
    'zero_gt_both_images': ([0, 1], EMPTY[:0], torch.zeros(0, dtype=torch.int64)),
    'empty_mask_gt': ([1], EMPTY, torch.tensor([2])),
}


@pytest.mark.parametrize('case', ALTERED)
def test_images_without_masks(recorded, case):
    images, masks, labels = ALTERED[case]
    targets = recorded.targets()
    for image in images:
        targets[image] = targets_of(masks, labels, NONE)
    losses = recorded.criterion()(recorded.output('sem'), targets)
    recorded.check(losses, recorded.cases[case]['result'])


def test_more_masks_than_queries(recorded):
    result = recorded.cases['more_gt_than_queries']['result']
    labels = torch.from_numpy(recorded.arrays['many_labels'])
    masks = recorded.masks('many_masks', len(labels))
    semantic = torch.where(masks.any(0), (masks.long() * labels[:, None, None]).sum(0), -1)
    targets = [recorded.targets()[0], targets_of(masks, labels, semantic.numpy())]
    criterion, output = recorded.criterion(), recorded.output('sem')
    recorded.check(criterion(output, targets), result['losses'])
    truth = recorded.truth(targets)
    assert truth.inside[1].sum() == result['gt_pixels']
    matches = criterion.match(output.cls_logits, output.mask_logits.flatten(2), truth)
    assert matches.labels[1].tolist() == labels[result['col']].tolist()
    assert (~truth.keep_matched(matches).void[1]).sum() == result['non_void_pixels']


def test_overlapping_masks_are_divided(recorded):
    """The recorded masks are those of image 0, the third one grown by the fourth."""
    result = recorded.cases['overlapping_gt']['result']
    targets = recorded.targets()
    masks = targets[0].masks.clone()
    masks[2] |= masks[3]
    targets[0] = replace(targets[0], masks=masks)
    losses = recorded.criterion()(recorded.output('sem'), targets)
    recorded.check(losses, result['losses'])
    assert (~masks.any(0)).sum() == result['void_pixels']


def test_fewer_pixels_than_samples_are_all_sampled(recorded):
    """Where the port stops with an error."""
    assert not recorded.cases['sample_k_exceeds_pixels']['ok']
    _, losses = evaluate(recorded, 'allpix')
    assert all(loss.isfinite() for loss in losses.values())


def test_random_samples_lie_where_the_recorded_ones_do(recorded):
    torch.manual_seed(0)
    found = recorded.cases['stochastic_sampler_8_seeds_k256']
    criterion = recorded.criterion(256, 256)
    draws = [criterion(recorded.output('sem'), recorded.targets()) for _ in range(8)]
    for name, theirs in (('loss_insdis', 'pixel_insdis'), ('loss_semantic', 'aux_semantic')):
        ours = np.array([losses[name].item() for losses in draws])
        spread = np.std(found[theirs])
        assert abs(ours.mean() - np.mean(found[theirs])) < 3 * spread


def test_targets_are_not_changed(recorded):
    result = recorded.cases['target_mutation']['result']
    assert result['semantic_targets_mutated_in_place'] == [False, False]
    targets, untouched = recorded.targets(), recorded.targets()
    recorded.criterion()(recorded.output('sem'), targets)
    found, expected = ([vars(image) for image in images] for images in (targets, untouched))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_low_resolution_semantics_use_every_fourth_pixel(recorded):
    semantic = recorded.targets()[0].semantic
    size = recorded.arrays['sem_low'].shape[-2:]
    assert torch.equal(subsample(semantic, size), semantic[::4, ::4])
