"""What a model makes of one annotated image, taken from the package's own code by hooks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmdet.apis import init_detector
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from numpy.typing import NDArray
from torch import Tensor, nn

from kmax_deeplab.pictures.clusters import upsample_nearest
from kmax_deeplab.pictures.colors import cluster_palette
from kmax_deeplab.pictures.segments import Segments
from projects.kmax.models.losses import LossInputs
from projects.kmax.models.postprocess import Frame, ImagePrediction, PostprocessConfig
from projects.kmax.models.structures import KMaXOutput, KMaXPrediction
from projects.kmax.models.targets import build_targets
from projects.kmax.visualization.samples import annotated_segments


@dataclass
class Step:
    """One k-means step, that of a decoder layer.

    Attributes:
        mask_logits: ``(N, h, w)`` affinity of each pixel to each centre.
        pixel_feature: ``(D, h, w)`` unit vectors.
        kernels: ``(D, N)`` of the centres; affinities are products of the two.
        values: ``(C, h, w)`` what a pixel gives to its centre.
        sums: ``(C, N)`` what each centre got.
    """

    mask_logits: Tensor
    pixel_feature: Tensor
    kernels: Tensor
    values: Tensor
    sums: Tensor

    @property
    def assignment(self) -> NDArray[np.integer]:
        """Centre of each pixel ``(h, w)``."""
        return self.mask_logits.argmax(0).numpy()


@dataclass
class Look:
    """An annotated image and all that a model computes of it; no batch dimension is left.

    Attributes:
        image: RGB ``(H, W, 3)``.
        segments: The annotation, at the size of the image.
        classes: Name of each class.
        num_things: How many of them are things, which come first.
        frame: Sizes of the image on its way through the model.
        steps: The k-means step of each decoder layer.
        levels: What the losses of the final prediction, then of each layer's, are computed from.
        terms: The losses, weighted.
        output: The predictions.
        test_cfg: What post-processing is told.
    """

    image: NDArray[np.uint8]
    segments: Segments
    classes: list[str]
    num_things: int
    frame: Frame
    steps: list[Step]
    levels: list[LossInputs]
    terms: dict[str, float]
    output: KMaXOutput
    test_cfg: PostprocessConfig

    @property
    def final(self) -> LossInputs:
        """What the losses of the final prediction are computed from."""
        return self.levels[0]

    def probabilities(self, level: KMaXPrediction) -> NDArray[np.floating]:
        """Return the softmax over the centres ``(N, h, w)`` of a prediction."""
        return level.mask_logits[0].softmax(0).numpy()

    def grid(self, flat: Tensor) -> NDArray[Any]:
        """Return what has one entry per pixel of the final masks as a map ``(h, w)``.

        Pixels of the padding, which is void, repeat those beside them: they show in no image.
        """
        found = flat.view(self.final.size).numpy()
        sizes = zip(self.frame.content, self.frame.padded, found.shape, strict=True)
        last = [(kept - 1) * (size - 1) // max(padded - 1, 1) for kept, padded, size in sizes]
        rows, columns = (
            np.minimum(np.arange(size), end) for size, end in zip(found.shape, last, strict=True)
        )
        return found[rows[:, None], columns]

    @cached_property
    def rank(self) -> NDArray[np.integer]:
        """Place of each centre ``(N,)`` by the pixels that it has in the end."""
        logits = self.output.mask_logits[0]
        pixels = np.bincount(logits.argmax(0).flatten().numpy(), minlength=len(logits))
        # Those that win no pixel come in the order of the mass they have.
        mass = self.probabilities(self.output).sum((1, 2))
        rank = np.empty(len(logits), int)
        rank[np.lexsort((-mass, -pixels))] = np.arange(len(logits))
        return rank

    @property
    def colors(self) -> NDArray[np.uint8]:
        """RGB of each centre ``(N, 3)``; those with most pixels have the most distinct ones."""
        return cluster_palette(len(self.rank))[self.rank]

    def matched(self) -> list[tuple[int, int]]:
        """Return row of each annotated mask and its query, the largest mask first."""
        masks, matches = self.final.masks, self.final.matches
        rows = []
        for row in masks.area[0].argsort(descending=True, stable=True).tolist():
            inside = (masks.binary[0, row] > 0) & matches.has_query[0]
            if inside.any():
                rows.append((row, int(matches.query[0, inside][0])))
        return rows

    def spread(self, grid: NDArray[Any]) -> NDArray[Any]:
        """Bring a map ``(h, w)`` of the padded input to the image, each pixel by its nearest."""
        return upsample_nearest(grid, self.frame.padded, self.frame.content)

    def crop(self, padded: NDArray[Any]) -> NDArray[Any]:
        """Cut the padding off a map ``(H, W)`` of the padded input."""
        return padded[: self.frame.content[0], : self.frame.content[1]]

    def prediction(self, **changes: Any) -> ImagePrediction:
        """Return what post-processing starts from; ``changes`` are fields of ``test_cfg``."""
        cfg = PostprocessConfig(**{**vars(self.test_cfg), **changes})
        cls_logits, mask_logits = self.output.cls_logits[0], self.output.mask_logits[0]
        return ImagePrediction(cls_logits, mask_logits, self.frame, cfg, self.num_things)


@dataclass
class Study:
    """A model and the annotated images of its config."""

    model: Any
    dataset: Any

    @classmethod
    def open(cls, config: str, checkpoint: str) -> 'Study':
        """Load a model, and the test set of its config."""
        cfg = Config.fromfile(config)
        model = init_detector(cfg, checkpoint, device='cpu')
        return cls(model, DATASETS.build(cfg.test_dataloader.dataset))

    def look(self, name: str) -> Look:
        """Run the model, with its losses, on the image of a file's name without the ending."""
        for index in range(len(self.dataset)):
            if Path(self.dataset.get_data_info(index)['img_path']).stem == name:
                return self.look_at(index)
        raise ValueError(f'the test set has no image {name}')

    @torch.no_grad()
    def look_at(self, index: int) -> Look:
        """Run the model, with its losses, on an image of the test set."""
        torch.manual_seed(0)  # One loss samples pixels.
        model, head = self.model.eval(), self.model.panoptic_head
        item = self.dataset[index]
        batch = model.data_preprocessor(pseudo_collate([item]), False)
        [sample] = batch['data_samples']
        layers = head.transformer_decoder.layers
        parts = [(x.predictor.mask_head, x.kmeans.value, x.kmeans.retrieved_bn) for x in layers]
        with recorded(*chain(*parts)) as found, levels_of(head) as levels:
            output = head(model.extract_feat(batch['inputs']))
            targets = build_targets([sample], head.num_things_classes, **head.train_cfg)
            terms = head.loss_by_feat(output, targets)
        steps = []
        for (kernels, values, norm), level in zip(parts, output.aux, strict=True):
            steps.append(
                Step(
                    mask_logits=level.mask_logits[0],
                    pixel_feature=level.pixel_feature[0],
                    kernels=found[kernels].output[0],
                    values=found[values].output[0],
                    sums=found[norm].inputs[0],
                )
            )
        image = item['inputs'].permute(1, 2, 0).numpy()[..., ::-1]
        return Look(
            image=np.ascontiguousarray(image),
            segments=annotated_segments(sample),
            classes=list(self.dataset.metainfo['classes']),
            num_things=head.num_things_classes,
            frame=Frame.from_metainfo(sample.metainfo, rescale=False),
            steps=steps,
            levels=levels,
            terms={term: float(value) for term, value in terms.items()},
            output=output,
            test_cfg=model.panoptic_fusion_head.read_test_cfg(),
        )


class Call(NamedTuple):
    """The first input of a module, and its output."""

    inputs: Tensor
    output: Tensor


@contextmanager
def recorded(*modules: nn.Module) -> Iterator[dict[nn.Module, Call]]:
    """Record the last call of modules in the block."""
    found: dict[nn.Module, Call] = {}

    def record(module: nn.Module, inputs: tuple, output: Tensor) -> None:
        found[module] = Call(inputs[0], output)

    handles = [module.register_forward_hook(record) for module in modules]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def levels_of(head: Any) -> Iterator[list[LossInputs]]:
    """Record what the losses of each prediction are given in the block, the final one's first."""
    levels: list[LossInputs] = []
    handle = head.criterion.losses.register_forward_pre_hook(
        lambda module, inputs: levels.append(inputs[0])
    )
    try:
        yield levels
    finally:
        handle.remove()
