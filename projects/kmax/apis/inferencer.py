"""Panoptic inference that returns results one can work with."""

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from mmdet.apis import DetInferencer
from mmdet.datasets.transforms import InferencerLoader
from mmdet.visualization.palette import get_palette
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from numpy.typing import NDArray

from kmax_deeplab.given_images import to_rgb
from kmax_deeplab.result import Classes, ClusterLayer, PanopticResult

from ..datasets.given_images import as_image, in_chunks, read
from ..engine.compilation import compile_model
from ..models import KMaXDeepLab
from ..models.structures import Observation
from ..released.locating import locate_model
from ..runtime.values import check_number
from ..visualization.samples import read_clusters
from .inputs import split_inputs
from .observed_image import ObservedImage

AMP_TYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16}

ChannelOrder = Literal['bgr', 'rgb']


class KMaXInferencer(DetInferencer):
    """Finds the segments of images: ``KMaXInferencer('kmax_r50_coco')('street.jpg')``.

    It may be called from several threads: they take turns at the network, and read images and merge
    masks beside each other. It can be pickled, for other processes, unless it is compiled.

    Args:
        model: A released model or a config, by name; a config's path; or a config.
        weights: The checkpoint; a released model has its own.
        device: Where it runs; by default a GPU if there is one.
        amp: Whether the network computes in lower precision, as ``'float16'`` or ``'bfloat16'``:
            True takes the former on GPUs and the latter elsewhere.
        compile: Whether the network is compiled: minutes at the first image of each size.
        fuse: Whether batch norms become part of other layers: faster, the same but for rounding.
        palette: Name of a palette, or the colour of each class; by default the data set's.
        mirror: Address of another server for released weights.
        **thresholds: Instead of fields of ``test_cfg``, as ``class_threshold_thing=0.5``; see
            :class:`~projects.kmax.models.postprocess.PostprocessConfig`. Calls may change them.

    Raises:
        ValueError: For a model that does not exist, is no kMaX-DeepLab of mmdet, or has no weights,
            and for a threshold that does not exist or is out of range.
    """

    model: Any

    def __init__(
        self,
        model: str | Path | Config,
        weights: str | Path | None = None,
        device: str | None = None,
        *,
        amp: bool | str = False,
        compile: bool = False,
        fuse: bool = False,
        palette: str | list = 'none',
        mirror: str | None = None,
        **thresholds: Any,
    ) -> None:
        checkpoint = None if weights is None else str(weights)
        if isinstance(model, str | Path):
            model, checkpoint = locate_model(str(model), checkpoint, mirror)
        elif checkpoint is None:
            raise ValueError('a config comes without weights: give its checkpoint as weights')
        super().__init__(model, checkpoint, device, palette=palette, show_progress=False)
        if not isinstance(self.model, KMaXDeepLab):
            raise ValueError(
                f'{model} is the config of {type(self.model).__name__}, not of KMaXDeepLab: use '
                "mmdet's DetInferencer, or mmseg's MMSegInferencer for models of mmseg"
            )
        self.thresholds = thresholds
        self._read_thresholds({})
        self.amp_type = _amp_type(amp, self.device)
        self.classes = _read_classes(self.model)
        self._loader, self._transforms = _split(self.pipeline)
        self._turn = threading.Lock()
        if fuse:
            self.model = self.model.fold()
        if compile:
            compile_model(self.model)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != '_turn'}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _turn=threading.Lock())

    def _init_collate(self, cfg: Any) -> Callable:
        return pseudo_collate

    def _init_visualizer(self, cfg: Any) -> None:
        """Build none: results draw themselves."""

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return next(self.model.parameters()).device

    def input_side(self) -> int | None:
        """Return the shorter side of the network's input in pixels; None if any size is taken."""
        side = 64
        item = self._load(np.zeros((side, side, 3), np.uint8), 'bgr')
        resized = min(item['data']['inputs'].shape[-2:])
        if resized != side:
            return resized
        pad_size = getattr(self.model.data_preprocessor, 'pad_size', None)
        return min(pad_size) if pad_size else None

    def __call__(
        self,
        inputs: Any,
        batch_size: int = 1,
        channel_order: ChannelOrder = 'bgr',
        on_unreadable: Callable[[Any, Exception], None] | None = None,
        **thresholds: Any,
    ) -> Any:
        """Find the segments of one image or of several.

        Args:
            inputs: A path, URL, array ``(H, W)`` or ``(H, W, C)``, PIL image, or the bytes of a
                file; a folder, a pattern as ``'street/*.jpg'``, or a list of images; or whatever
                else yields images, which is read as results are asked for.
            batch_size: How many images the network sees at once; they may have any sizes.
            channel_order: Of arrays; as OpenCV reads them by default.
            on_unreadable: Called with an image of several that cannot be read, and the error, in
                place of a warning.
            **thresholds: Instead of fields of ``test_cfg``, for this call.

        Returns:
            A :class:`~kmax_deeplab.result.PanopticResult` for one image; a list of those of the
            images that can be read for several; an iterator for what yields images.

        Raises:
            OSError: If the image, or every one of several, cannot be read.
            ValueError, TypeError: For what is no image, or options out of range.
        """
        images, kind = split_inputs(inputs)
        self._check_call(batch_size, channel_order, thresholds)
        if kind is object:
            return self.observe(inputs, channel_order=channel_order).result(**thresholds)
        first: list[Exception] = []
        # Of a stream it is the loop over it that a warning is for.
        level = 6 if kind is list else 5

        def note(image: Any, error: Exception) -> None:
            if not first:
                # Not all of them: an error holds on to what was read, and a stream may be endless.
                first.append(error)
            if on_unreadable is not None:
                on_unreadable(image, error)
            else:
                warnings.warn(f'{error}: it has no result', stacklevel=level)

        stream = self._stream(images, batch_size, channel_order, note, thresholds)
        if kind is Iterator:
            return stream
        results = list(stream)
        if first and not results and on_unreadable is None:
            raise first[0]
        return results

    def observe(
        self, image: Any, with_clusters: bool = False, channel_order: ChannelOrder = 'bgr'
    ) -> ObservedImage:
        """Run the network on one image; its results are then made by any thresholds at once.

        Args:
            image: As a call takes it.
            with_clusters: Whether to keep the assignments of the decoder layers too, which are else
                computed when they are first asked for, by running the network again.
            channel_order: Of an array.

        Raises:
            OSError: If the image cannot be read.
            ValueError, TypeError: For what is no image.
        """
        self._check_call(1, channel_order, {})
        return self._observe([self._load(image, channel_order)], with_clusters)[0]

    def read(self, image: Any, channel_order: ChannelOrder = 'bgr') -> NDArray[np.uint8]:
        """Return the pixels of an image as it is shown, RGB ``(H, W, 3)``."""
        return to_rgb(self._read(image, channel_order)['img'])

    def prepare(self, image: Any, channel_order: ChannelOrder = 'bgr') -> dict[str, Any]:
        """Return what the network is given of an image: ``inputs`` and ``data_samples``.

        The former are BGR ``(3, h, w)``, resized and neither padded nor normalised.
        """
        return self._load(image, channel_order)['data']

    def _stream(
        self,
        images: Iterable[Any],
        batch_size: int,
        channel_order: ChannelOrder,
        note: Callable[[Any, Exception], None],
        thresholds: dict[str, Any],
    ) -> Iterator[PanopticResult]:
        def readable() -> Iterator[dict]:
            for image in images:
                try:
                    loaded = self._load(image, channel_order)
                except (OSError, ValueError) as error:
                    note(image, error)
                else:
                    yield loaded

        for batch in in_chunks(readable(), batch_size):
            for observed in self._observe(batch, False):
                yield observed.result(**thresholds)

    def _read(self, image: Any, channel_order: ChannelOrder) -> dict:
        """Return what the loader makes of an image: its pixels and its sizes."""
        given = as_image(image)
        if isinstance(image, np.ndarray) and channel_order == 'rgb':
            given = np.ascontiguousarray(given[..., ::-1])
        return read(self._loader, given)

    def _load(self, image: Any, channel_order: ChannelOrder) -> dict:
        """Read an image; return it with the item that the network takes."""
        loaded = self._read(image, channel_order)
        pixels, path = loaded['img'], loaded.get('img_path')
        return dict(image=pixels, path=path, data=self._transforms(loaded))

    def _observe(self, batch: list[dict], with_clusters: bool) -> list[ObservedImage]:
        data = self.collate_fn([item['data'] for item in batch])
        with self._turn, torch.no_grad(), self._precision():
            observations = self.model.observe(data, with_clusters)
        observed = []
        for item, observation in zip(batch, observations, strict=True):
            image = to_rgb(item['image'])
            if with_clusters:
                find_clusters = partial(read_clusters, observation)
            else:
                find_clusters = partial(self._find_clusters, image)
            observed.append(
                ObservedImage(
                    observation, image, item['path'], self.classes, self._merge, find_clusters
                )
            )
        return observed

    def _find_clusters(self, image: NDArray[np.uint8]) -> list[ClusterLayer]:
        observed = self.observe(image, with_clusters=True, channel_order='rgb')
        return read_clusters(observed.observation)

    def _merge(self, observation: Observation, thresholds: dict[str, Any]) -> Any:
        return self.model.merge(observation, self._read_thresholds(thresholds))

    def _read_thresholds(self, thresholds: dict[str, Any]) -> Any:
        changes = {**self.thresholds, **thresholds}
        if changes.setdefault('panoptic_on', True) is not True:
            raise ValueError('panoptic_on must be True here: a result is made of segments')
        return self.model.panoptic_fusion_head.read_test_cfg(**changes)

    def _check_call(self, batch_size: int, channel_order: str, thresholds: dict) -> None:
        check_number('batch_size', batch_size, 1, whole=True)
        if channel_order not in ('bgr', 'rgb'):
            raise ValueError(f"channel_order is {channel_order!r}, but must be 'bgr' or 'rgb'")
        self._read_thresholds(thresholds)

    def _precision(self) -> AbstractContextManager:
        if self.amp_type is None:
            return nullcontext()
        return torch.autocast(self.device.type, self.amp_type)


def _split(pipeline: Compose) -> tuple[Compose, Compose]:
    """Return what a pipeline does to load an image, and what it does then."""
    steps = pipeline.transforms
    first = next(i for i, step in enumerate(steps) if isinstance(step, InferencerLoader)) + 1
    return Compose(steps[:first]), Compose(steps[first:])


def _amp_type(amp: bool | str, device: torch.device) -> torch.dtype | None:
    if isinstance(amp, bool):
        half = 'bfloat16' if device.type == 'cpu' else 'float16'
        return AMP_TYPES[half] if amp else None
    if amp not in AMP_TYPES:
        raise ValueError(f'amp is {amp!r}, but must be True, False, {" or ".join(AMP_TYPES)}')
    return AMP_TYPES[amp]


def _read_classes(model: Any) -> Classes:
    meta = model.dataset_meta
    names, ids, palette = meta['classes'], meta.get('category_ids'), meta.get('palette')
    colors = None if palette in (None, 'random') else get_palette(palette, len(names))
    # A checkpoint of other classes than the config's has the palette and the ids of either.
    ids = ids if ids is not None and len(ids) == len(names) else None
    return Classes(tuple(names), model.panoptic_head.num_things_classes, ids, colors)
