"""The losses against the numbers the original system recorded, and at the edges."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import projects.kmax  # noqa: F401
from projects.kmax.models.losses import KMaXCriterion
from projects.kmax.models.losses.ground_truth import MaskTargets, MatchedTargets, subsample
from projects.kmax.models.losses.instance_discrimination_loss import gather_features
from projects.kmax.models.losses.pixel_softmax import PixelSoftmax, pixel_softmax
from projects.kmax.models.losses.sampling import gumbel_noise, sample_pixels, sampling_logits
from projects.kmax.models.structures import KMaXOutput, KMaXPrediction, KMaXTargets

CASES = ('coco', 'coco_semsample', 'cityscapes', 'ade20k')
TERMS = {
    'loss_cls': 'pq_style_loss_class_term',
    'loss_dice': 'pq_style_loss_mask_dice_term',
    'loss_mask': 'mask_id_cross_entropy_loss',
    'loss_insdis': 'instance_discrimination_loss',
}


class Case:
    """One recorded case, in the layout and class order of this project."""

    def __init__(self, folder: Path, name: str, dtype: torch.dtype) -> None:
        self.meta = json.loads(folder.with_suffix('.json').read_text())[name]
        with np.load(folder) as arrays:
            prefix = name + '/'
            self.arrays = {k[len(prefix) :]: arrays[k] for k in arrays if k.startswith(prefix)}
        self.dtype = dtype
        self.things, self.stuff = self.meta['thing_ids'], self.meta['stuff_ids']
        self.order = self.things + self.stuff
        self.channels = self.order + [0] * (self.meta['num_classes'] > len(self.order))

    def tensor(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self.arrays[name]).to(self.dtype)

    def channels_first(self, name: str) -> torch.Tensor:
        return self.tensor(name).permute(0, 3, 1, 2)

    def prediction(self, level: str) -> KMaXPrediction:
        return KMaXPrediction(
            cls_logits=self.tensor(f'{level}.class_logits').requires_grad_(),
            mask_logits=self.channels_first(f'{level}.mask_logits').requires_grad_(),
            pixel_feature=self.channels_first(f'{level}.pixel_feature').requires_grad_(),
        )

    def output(self) -> KMaXOutput:
        aux = [self.prediction(f'aux{i}') for i in range(self.meta['naux'])]
        semantic = self.channels_first('semantic_logits')[:, self.channels].requires_grad_()
        return KMaXOutput(**vars(self.prediction('main')), aux=aux, semantic_logits=semantic)

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
    return Case(oracle('tf/tf_losses.npz'), request.param, torch.float32)


@pytest.fixture(params=CASES)
def case64(request, oracle) -> Case:
    oracle('tf/tf_losses.json')
    return Case(oracle('tf/tf_losses.npz'), request.param, torch.float64)


def image_of(output: KMaXOutput, image: int) -> KMaXOutput:
    def pick(prediction: KMaXPrediction) -> dict:
        names = ('cls_logits', 'mask_logits', 'pixel_feature')
        return {name: getattr(prediction, name)[image : image + 1] for name in names}

    return KMaXOutput(
        **pick(output),
        aux=[KMaXPrediction(**pick(level)) for level in output.aux],
        semantic_logits=output.semantic_logits[image : image + 1],
    )


def test_every_term_equals_the_recorded_one(case):
    losses = case.criterion()(case.output(), case.targets(), case.noise())
    expected = case.expected()
    assert set(losses) == set(expected)
    for name, values in expected.items():
        assert losses[name].item() == pytest.approx(values.mean(), rel=1e-5), name


def test_every_term_of_each_image_equals_the_recorded_one(case):
    output, targets, noise = case.output(), case.targets(), case.noise()
    for image in range(case.meta['B']):
        losses = case.criterion()(
            image_of(output, image), [targets[image]], noise[:, image : image + 1]
        )
        for name, values in case.expected().items():
            assert losses[name].item() == pytest.approx(values[image], rel=1e-5), (image, name)


def test_gradients_equal_the_recorded_ones(case64):
    case, output = case64, case64.output()
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
    masks = MaskTargets.collate(case.targets(), size, torch.float32)
    matched = criterion.match(
        output.cls_logits.detach(), output.mask_logits.detach().flatten(2), masks
    )
    queries = {
        tuple(row): slot
        for row, slot in zip(
            case.arrays['match_gt_rows'].tolist(), case.arrays['match_slots'].tolist(), strict=True
        )
    }
    for image in range(case.meta['B']):
        expected = {slot for (i, _), slot in queries.items() if i == image}
        assert set(matched.matched[image].nonzero()[:, 0].tolist()) == expected
        for row, mask in case.mask_rows(image):
            mask = subsample(mask, size).flatten()
            assert mask.any() == ((image, row) in queries)
            if mask.any():
                assert (matched.query[image][mask] == queries[image, row]).all()
    np.testing.assert_array_equal(matched.labels.numpy(), case.arrays['class_target'])


def test_sampled_pixels_equal_the_recorded_ones(case):
    size = case.output().mask_logits.shape[-2:]
    masks = MaskTargets.collate(case.targets(), size, torch.float32)
    calls = 1 + case.meta['naux']
    pixels = case.criterion().loss_insdis.sample(masks, case.noise()[:calls])
    recorded = np.sort(case.arrays['sample_indices'][:calls], -1)
    np.testing.assert_array_equal(pixels.sort(-1).values.numpy(), recorded)
    if case.meta['semantic_sample_k_used_by_loss']:
        logits = sampling_logits(masks.pixel_area, masks.void, 2.0)
        pixels = sample_pixels(logits, case.noise()[-1], 64)
        recorded = np.sort(case.arrays['sample_indices'][-1], -1)
        np.testing.assert_array_equal(pixels.sort(-1).values.numpy(), recorded)


def small_output(
    batch: int = 2, queries: int = 6, classes: int = 4, dtype: torch.dtype = torch.float32
) -> KMaXOutput:
    generator = torch.Generator().manual_seed(0)

    def draw(*size: int) -> torch.Tensor:
        return torch.randn(size, generator=generator, dtype=dtype)

    def level(height: int, width: int) -> KMaXPrediction:
        return KMaXPrediction(
            cls_logits=draw(batch, queries, classes + 1).requires_grad_(),
            mask_logits=draw(batch, queries, height, width).requires_grad_(),
            pixel_feature=F.normalize(draw(batch, 8, height, width), dim=1).requires_grad_(),
        )

    return KMaXOutput(
        **vars(level(9, 13)),
        aux=[level(3, 4), level(5, 7)],
        semantic_logits=draw(batch, classes + 1, 5, 7).requires_grad_(),
    )


def small_targets(masks: torch.Tensor, void: torch.Tensor | None = None) -> KMaXTargets:
    labels = torch.arange(len(masks)) % 4
    return KMaXTargets(
        labels=labels,
        masks=masks,
        is_thing=labels < 2,
        semantic=(masks.long() * labels[:, None, None]).sum(0),
        void=~masks.any(0) if void is None else void,
        weight=torch.ones(masks.shape[1:]),
    )


def stripes(count: int) -> torch.Tensor:
    """``count`` masks that share the 9 x 13 image, one row of pixels after another."""
    cells = torch.arange(9 * 13).view(9, 13) % count
    return cells == torch.arange(count)[:, None, None]


NOTHING = torch.zeros(0, 9, 13, dtype=torch.bool)
DOT = F.pad(torch.ones(1, 1, 1, dtype=torch.bool), (3, 9, 2, 6))
EDGES = {
    'no mask in one image': [small_targets(NOTHING), small_targets(stripes(3))],
    'no mask at all, all void': [small_targets(NOTHING), small_targets(NOTHING)],
    'labelled but without masks': [
        small_targets(NOTHING, torch.zeros(9, 13, dtype=torch.bool)),
        small_targets(stripes(2)),
    ],
    'more masks than queries': [small_targets(stripes(11)), small_targets(stripes(6))],
    'masks of one pixel': [small_targets(DOT), small_targets(stripes(117))],
    'an empty mask': [small_targets(torch.cat([DOT, DOT & False])), small_targets(stripes(1))],
}


@pytest.mark.parametrize('edge', EDGES)
@pytest.mark.parametrize('num_samples', [20, 4096])
def test_edges_stay_finite(edge, num_samples):
    output = small_output()
    criterion = KMaXCriterion(
        4,
        loss_insdis=dict(num_samples=num_samples),
        loss_semantic=dict(num_samples=num_samples),
    )
    losses = criterion(output, EDGES[edge])
    sum(losses.values()).backward()
    for name, loss in losses.items():
        assert torch.isfinite(loss), name
    for level in (output, *output.aux):
        for values in (level.cls_logits, level.mask_logits, level.pixel_feature):
            assert torch.isfinite(values.grad).all()
    assert torch.isfinite(output.semantic_logits.grad).all()


@pytest.mark.parametrize('name, value', [('void', 'crowd'), ('align_corners', False)])
def test_unknown_options_are_named(name, value):
    with pytest.raises(ValueError, match=f'KMaXCriterion: {name} is {value!r}, expected one of'):
        KMaXCriterion(4, **{name: value})


def test_auxiliary_resizing_follows_the_parity_of_the_height():
    targets, odd, even = [small_targets(stripes(3))] * 2, small_output(), small_output()
    even.aux[0] = KMaXPrediction(
        *[
            values[..., :2, :] if values.dim() > 3 else values
            for values in vars(even.aux[0]).values()
        ]
    )
    noise = [torch.zeros(2, 117)] * 3
    for output, same in ((odd, True), (even, False)):
        ours = KMaXCriterion(4)(output, targets, noise)
        theirs = KMaXCriterion(4, align_corners='odd_height')(output, targets, noise)
        for name, loss in ours.items():
            resized = name in ('d0.loss_dice', 'd0.loss_mask', 'd0.loss_insdis')
            assert torch.equal(loss, theirs[name]) == (same or not resized), name


def test_statistics_describe_queries_and_pixels():
    targets = [small_targets(stripes(3)), small_targets(NOTHING)]
    output = small_output()
    with torch.no_grad():
        output.cls_logits.zero_()[0, torch.arange(6), torch.tensor([0, 1, 2, 4, 4, 3])] = 9
        output.cls_logits[1, :, 4] = 9
        # Queries 0 and 1 find their masks; the pixels of the third go to query 0.
        owner = torch.tensor([0, 1, 0])[torch.arange(117) % 3].view(9, 13)
        output.mask_logits.copy_(9 * (owner == torch.arange(6)[:, None, None]))
    criterion = KMaXCriterion(4)
    found = criterion(output, targets, [torch.zeros(2, 117)] * 3, with_statistics=True)
    losses = criterion(output, targets, [torch.zeros(2, 117)] * 3)
    assert {name for name in found if 'loss' in name} == set(losses)
    assert set(found) - set(losses) == {
        'matched',
        'class_accuracy',
        'void_share',
        'pixel_accuracy',
        'd0.pixel_accuracy',
        'd1.pixel_accuracy',
    }
    assert found['matched'] == 1.5 and found['class_accuracy'] == 1
    assert found['void_share'] == pytest.approx(8 / 12)
    assert found['pixel_accuracy'] == pytest.approx(2 / 3)
    assert not any(found[name].requires_grad for name in set(found) - set(losses))


def test_nan_stays_visible():
    output = small_output()
    output.mask_logits.data[0, 0] = float('nan')
    output.aux[0].pixel_feature.data[1] = float('nan')
    losses = KMaXCriterion(4)(output, [small_targets(stripes(3))] * 2)
    assert losses['loss_mask'].isnan() and losses['d0.loss_insdis'].isnan()
    assert losses['d1.loss_mask'].isfinite()


def test_losses_keep_float64_and_leave_half_precision():
    targets = [small_targets(stripes(3))] * 2
    noise = [gumbel_noise((2, 117), torch.zeros(1, dtype=torch.float64)) for _ in range(3)]
    exact = KMaXCriterion(4)(small_output(dtype=torch.float64), targets, noise)
    assert all(loss.dtype == torch.float64 for loss in exact.values())
    with torch.autocast('cpu', dtype=torch.bfloat16):
        single = KMaXCriterion(4)(small_output(), targets)
    assert all(loss.dtype == torch.float32 for loss in single.values())


def test_wrong_number_of_classes_is_named():
    with pytest.raises(ValueError, match='5 channels, expected 8'):
        KMaXCriterion(7)(small_output(), [small_targets(stripes(3))] * 2)


def test_min_weight_lets_hardly_found_masks_learn():
    output, targets = small_output(), [small_targets(stripes(3))] * 2
    truth = MaskTargets.collate(targets, (9, 13), torch.float32, 'semantic')
    logits = output.cls_logits.detach(), output.mask_logits.detach().flatten(2)
    weak = KMaXCriterion(4).match(*logits, truth)
    raised = KMaXCriterion(4, min_weight=0.9).match(*logits, truth)
    assert weak.cls_weight[weak.matched].max() < 0.9 and weak.mask_weight.max() < 0.9
    assert (raised.cls_weight[weak.matched] == 0.9).all()
    assert (raised.mask_weight[weak.matched] == 0.9).all()
    assert torch.equal(raised.cls_weight[~weak.matched], weak.cls_weight[~weak.matched])
    assert (raised.mask_weight[~weak.matched] == 0).all()


BANDS = torch.arange(117).view(9, 13)
OVERLAPPING = torch.stack([BANDS < 40, (BANDS > 20) & (BANDS < 70), BANDS % 5 == 0])


@pytest.mark.parametrize(
    'options, masks',
    [
        (dict(), stripes(4)),
        (dict(void='unmatched', align_corners='odd_height'), stripes(4)),
        (dict(void='unmatched', split_overlaps=True), OVERLAPPING),
    ],
)
def test_gradients_agree_with_finite_differences(options, masks):
    targets = [small_targets(masks), small_targets(DOT)]
    output = small_output(dtype=torch.float64)
    noise = [gumbel_noise((2, 117), output.mask_logits) for _ in range(3)]
    criterion = KMaXCriterion(4, loss_insdis=dict(num_samples=30), **options)
    matched_to = output.cls_logits.detach().clone(), output.mask_logits.detach().clone()
    masks = MaskTargets.collate(targets, (9, 13), torch.float64, criterion.void)
    matched = criterion.match(matched_to[0], matched_to[1].flatten(2), masks)
    assert (matched.shares is not None) == criterion.split_overlaps
    criterion.match = lambda *_: matched
    loss = sum(criterion(output, targets, noise).values())
    loss.backward()
    for values in (output.aux[0].mask_logits, output.aux[1].pixel_feature, output.mask_logits):
        direction = torch.randn_like(values)
        difference = []
        for step in (1e-5, -1e-5):
            values.data += step * direction
            difference.append(sum(criterion(output, targets, noise).values()).item())
            values.data -= step * direction
        slope = (difference[0] - difference[1]) / 2e-5
        assert slope == pytest.approx((values.grad * direction).sum().item(), rel=1e-6)


def test_pixel_softmax_equals_autograd():
    logits = torch.randn(2, 5, 11, dtype=torch.float64, requires_grad=True)
    query = torch.randint(5, (2, 11))
    inside = torch.rand(2, 11).gt(0.5).double()
    has_query = inside.bool() & torch.rand(2, 11).gt(0.3)
    shares = F.one_hot(query, 5).transpose(1, 2) * has_query[:, None].double()

    def reduce(values: torch.Tensor, **of_pixels: torch.Tensor) -> PixelSoftmax:
        nothing = torch.zeros(2, 5)
        targets = MatchedTargets(*[nothing] * 5, query, has_query, **of_pixels)
        return pixel_softmax(values, targets, inside)

    def differentiable(x: torch.Tensor) -> list[torch.Tensor]:
        return [values for name, values in reduce(x)._asdict().items() if name != 'highest']

    assert torch.autograd.gradcheck(differentiable, logits)
    found, expected = reduce(logits), reduce(logits, shares=shares)
    torch.testing.assert_close(found.own_logit * has_query, expected.own_logit)
    for name in ('highest', 'log_normalizer', 'mass', 'overlap'):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize('align_corners', [True, False])
@pytest.mark.parametrize('source', [(5, 7), (3, 2), (1, 1), (9, 13), (12, 26)])
def test_gathered_features_equal_resized_ones(source, align_corners):
    feature = torch.randn(2, 8, *source, dtype=torch.float64)
    pixels = torch.randint(9 * 13, (2, 50))
    resized = F.interpolate(feature, (9, 13), mode='bilinear', align_corners=align_corners)
    expected = resized.flatten(2).gather(2, pixels[:, None].expand(-1, 8, -1)).transpose(1, 2)
    found = gather_features(feature, pixels, (9, 13), align_corners)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('full, part', [(33, 9), (33, 2), (32, 16), (24, 3), (7, 1), (5, 5)])
def test_subsample(full, part):
    index = subsample(torch.arange(full)[:, None], (part, 1))[:, 0].tolist()
    assert len(index) == part and index[0] == 0
    if part > 1 and (full - 1) % (part - 1) == 0:
        assert index == list(range(0, full, (full - 1) // (part - 1)))


@pytest.mark.parametrize('full', [1, 2, 5, 10, 16, 24, 33, 48, 64, 65, 97, 161, 321])
@pytest.mark.parametrize('stride', [1, 2, 4, 8])
def test_subsample_takes_the_pixels_of_a_strided_network(full, stride):
    grid = torch.arange(full * full).view(full, full)
    expected = grid[::stride, ::stride]
    assert torch.equal(subsample(grid, expected.shape), expected)


def test_targets_coarser_than_the_logits_are_refused():
    with pytest.raises(ValueError, match='targets of 5x13 pixels are coarser than .* of 9x13'):
        KMaXCriterion(4)(small_output(), [small_targets(stripes(3)[:, :5])] * 2)


@pytest.mark.parametrize('num_samples, entries', [(0, 3), (20, 4)])
def test_noise_has_one_entry_per_sampling(num_samples, entries):
    criterion = KMaXCriterion(4, loss_semantic=dict(num_samples=num_samples))
    output, targets = small_output(), [small_targets(stripes(3))] * 2
    noise = [torch.zeros(2, 9 * 13) for _ in range(3)] + [torch.zeros(2, 5 * 7)] * 2
    assert criterion(output, targets, noise[:entries])['loss_semantic'].isfinite()
    for wrong in (entries - 1, entries + 1):
        with pytest.raises(ValueError, match=f'noise has {wrong} entries, expected {entries}'):
            criterion(output, targets, noise[:wrong])
