"""The memory that a step of a training needs, found on any machine by tensors without memory.

Forward, losses, backward and optimiser run once on fake tensors, which have shapes but no values,
while torch's tracker follows what is alive. What would read values is left out: the queries that
the masks are matched with are fixed ones, and the masks, which come from one id map, are taken not
to overlap.
"""

import copy
from dataclasses import dataclass, fields, replace
from functools import partial
from inspect import signature
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.distributed._tools.mem_tracker import MemTracker

from ..models.assigner import KMaXHungarianAssigner
from ..models.detector import KMaXDeepLab
from ..models.structures import KMaXTargets
from ..models.targets import build_targets
from .model_cost import build_detector, input_size

GIB = 2**30
DEVICE = 'cpu'
"""Of fake tensors; those of a GPU need a torch built for one."""
MOST_TRIED = 128
"""Images of the largest step that is tried: each takes a quarter of a second."""
SCALED = 'AmpOptimWrapper'


@dataclass(frozen=True)
class TrainingStep:
    """A step of a training, on one device.

    Attributes:
        size: ``(height, width)`` of the padded input.
        batch: Images.
        masks: Segments of each image that are learned.
        amp: Whether it computes in float16 where autocast does.
        checkpointing: Whether backbone, pixel decoder and transformer decoder recompute their
            activations, besides those that do by the config.
    """

    size: tuple[int, int]
    batch: int = 1
    masks: int = 20
    amp: bool = False
    checkpointing: bool = False

    @classmethod
    def of(cls, config: Config, **changes: Any) -> 'TrainingStep':
        """Return the step that a config describes, with some changes.

        Raises:
            ValueError: If the config has no size of the input.
        """
        wrapper, loader = config.get('optim_wrapper') or {}, config.get('train_dataloader') or {}
        given = dict(batch=loader.get('batch_size', 1), amp=wrapper.get('type') == SCALED)
        return cls(**{'size': input_size(config), **given, **changes})


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that are held when a step holds most.

    Attributes:
        weights: Parameters and buffers.
        gradients: Those of parameters, as far as they are computed then.
        optimizer: Its state, such as Adam's moments.
        activations: All else: what the backward pass needs, what operators make, the batch.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(getattr(self, field.name) for field in fields(self))


def training_memory(config: Config, step: TrainingStep) -> TrainingMemory:
    """Return the peak of a step after the first, when the optimiser has its state.

    Not in it are the scratch memory of kernels, what an allocator cannot use of its blocks, the
    context of a GPU, and the buckets of distributed training, which are as large as the gradients.
    The scope of the config's registry must be set.

    Raises:
        ValueError: If the config is not of a :class:`KMaXDeepLab` that can be trained, or a part of
            the model, such as a loss of one's own, reads values of tensors.
    """
    if step.checkpointing:
        config = with_checkpointing(config)
    model = build_detector(config).train()
    if getattr(model.panoptic_head, 'criterion', None) is None:
        raise ValueError(f'{config.filename} has no model.panoptic_head.criterion to train with')
    _fix_pairs(model)
    try:
        with FakeTensorMode(allow_non_fake_inputs=True):
            return _track(model.to_empty(device=DEVICE), config.optim_wrapper, step)
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        raise ValueError(
            f'{config.filename}: the memory of a step cannot be found without values, which '
            f'{error.func} of its model reads'
        ) from error


def largest_batch(
    config: Config, step: TrainingStep, limit: int
) -> tuple[TrainingStep, TrainingMemory] | None:
    """Return the step of most images that holds no more than ``limit`` bytes, and what it holds.

    It has at most ``MOST_TRIED`` images; so many say that more may fit. None says that not even
    one image fits.

    Memory grows with each image by the same amount, or by more from where the peak moves to another
    place of the step: a line through two batches guesses the next one to try, until one fits and
    the next larger one does not.
    """
    found: dict[int, TrainingMemory] = {}

    def total(batch: int) -> int:
        if batch not in found:
            found[batch] = training_memory(config, replace(step, batch=batch))
        return found[batch].total

    if total(1) > limit:
        return None
    fits, other, excess = 1, 2, MOST_TRIED + 1
    while fits + 1 < excess:
        slope = (total(other) - total(fits)) / (other - fits)
        guess = fits + int((limit - total(fits)) / max(slope, 1))
        guess = max(fits + 1, min(guess, excess - 1))
        if total(guess) > limit:
            other = excess = guess
        else:
            fits, other = guess, fits
    return replace(step, batch=fits), found[fits]


def with_checkpointing(config: Config) -> Config:
    """Return a copy of a config whose backbone and decoders recompute their activations."""
    config = copy.deepcopy(config)
    head = config.model.get('panoptic_head', {})
    parts = (config.model.get('backbone'), *map(head.get, ('pixel_decoder', 'transformer_decoder')))
    for part in filter(None, parts):
        part.with_cp = True
    return config


class _FixedPairs(KMaXHungarianAssigner):
    """Gives the masks the first queries, whatever they show."""

    def match(self, similarity: Tensor, exists: Tensor, area: Tensor) -> Tensor:
        batch, num_masks, num_queries = similarity.shape
        queries = torch.arange(num_masks, device=similarity.device).clamp(max=num_queries)
        return queries.expand(batch, num_masks)


class _PeakTracker(MemTracker):
    """Torch's tracker without the figures of every module, which take it most of its time."""

    def follow(self, model: nn.Module, *others: Any) -> None:
        """Track what was made before; gradients of the model will be told from the rest."""
        self._track_module_params_and_buffers(model)
        self.track_external(*others)

    def _pre_fw_hook(self, module: nn.Module, inputs: Any) -> None: ...

    def _post_fw_hook(self, module: nn.Module, inputs: Any, outputs: Any) -> None: ...

    def _pre_bw_hook(self, module: nn.Module, args: Any) -> None: ...

    def _post_bw_hook(self, module: nn.Module, args: Any) -> None: ...


def _fix_pairs(model: KMaXDeepLab) -> None:
    """Keep the criterion from reading values."""
    model.panoptic_head.criterion.assigner = _FixedPairs()
    model.panoptic_head.criterion.split_overlaps = False


def _track(model: KMaXDeepLab, wrapper: dict, step: TrainingStep) -> TrainingMemory:
    """Follow a step that is not the first."""
    # A scaled loss adds no more than scalars, but waits for values.
    optimizer = build_optim_wrapper(model, {**wrapper, 'type': 'OptimWrapper'})
    images = torch.empty(step.batch, 3, *step.size, device=DEVICE)
    targets = [_targets(model, step) for _ in range(step.batch)]

    def backward() -> None:
        with torch.autocast(DEVICE, torch.float16, enabled=step.amp):
            losses = _losses(model, images, targets)
        optimizer.backward(model.parse_losses(losses)[0])

    # The first step, but for what it computes, leaves the state of the optimiser.
    _fill_gradients(model)
    _update(model, optimizer)
    if wrapper.get('accumulative_counts', 1) > 1:
        # Those of the iterations before are held meanwhile.
        _fill_gradients(model)
    tracker = _PeakTracker()
    tracker.follow(model, optimizer.optimizer, images, [list(vars(t).values()) for t in targets])
    with tracker:
        backward()
        _update(model, optimizer)
    return _by_part(tracker)


def _losses(model: KMaXDeepLab, images: Tensor, targets: list[KMaXTargets]) -> dict[str, Tensor]:
    head = model.panoptic_head
    output = head(model.extract_feat(images))
    return head.loss_by_feat(output, targets, with_statistics=True)


def _targets(model: KMaXDeepLab, step: TrainingStep) -> KMaXTargets:
    """Return the targets of one image, of as many masks as the model's classes allow for."""
    head = model.panoptic_head
    settings = signature(build_targets).bind_partial(**head.train_cfg)
    settings.apply_defaults()
    most = settings.arguments['max_things'] if head.num_things_classes else head.num_stuff_classes
    masks = step.masks if most is None else min(step.masks, most)
    grid = [-(-side // settings.arguments['stride']) for side in step.size]
    empty = partial(torch.empty, device=DEVICE)
    return KMaXTargets(
        labels=empty(masks, dtype=torch.int64),
        masks=empty(masks, *grid, dtype=torch.bool),
        is_thing=empty(masks, dtype=torch.bool),
        semantic=empty(grid, dtype=torch.int64),
        void=empty(grid, dtype=torch.bool),
        weight=empty(grid),
    )


def _fill_gradients(model: KMaXDeepLab) -> None:
    for param in model.parameters():
        if param.requires_grad:
            param.grad = torch.empty_like(param)


def _update(model: KMaXDeepLab, optimizer: OptimWrapper) -> None:
    """Clip and step as the wrapper does, which reads the norm, too."""
    if optimizer.clip_grad_kwargs:
        clipped = [param for param in model.parameters() if param.grad is not None]
        optimizer.clip_func(clipped, **optimizer.clip_grad_kwargs)
    optimizer.optimizer.step()
    optimizer.zero_grad()


def _by_part(tracker: MemTracker) -> TrainingMemory:
    held = tracker.get_tracker_snapshot('peak')[torch.device(DEVICE)]
    # Its kinds are members of an enumeration, and the total a text.
    sizes = {getattr(kind, 'value', kind): size for kind, size in held.items()}
    weights = sizes['Parameter'] + sizes['Buffer']
    gradients, optimizer = sizes['Gradient'], sizes['Optstate']
    rest = sizes['Total'] - weights - gradients - optimizer
    return TrainingMemory(weights, gradients, optimizer, rest)
