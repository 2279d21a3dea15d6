"""Runs what ``kmax-deeplab export`` wrote, with numpy, OpenCV, Pillow and one engine.

Neither torch nor anything of OpenMMLab is needed, and none of it is loaded::

    from kmax_deeplab.runtime import PanopticModel

    model = PanopticModel('model.onnx')
    result = model('street.jpg')
    result.save('results')
"""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .exported.contract import INPUTS, MAPS, read_contract
from .exported.engines import Arrays, open_engine
from .exported.levels import RESIDUAL, split_levels
from .exported.reading import read_image
from .given_images import to_rgb
from .resampling import nearest_index
from .result import Classes, PanopticResult

__all__ = ['PanopticModel']

Size = tuple[int, int]
ChannelOrder = Literal['bgr', 'rgb']

GREY = 127
"""Of the padding, which the graph replaces by what the network was trained with."""


class PanopticModel:
    """Finds the segments of images with an exported file, as ``KMaXInferencer`` does with weights.

    It may be called from several threads. Segments and their order are those of the inferencer;
    their scores are means over the pixels of the network's input, not of the image.

    Args:
        file: The ONNX file that ``kmax-deeplab export`` wrote, with ``--output maps``.
        engine: ``'onnxruntime'``, ``'openvino'``, or ``'auto'`` for the one that is installed; of
            both OpenVINO, unless onnxruntime has a GPU.
        device: ``'cpu'``, or what the engine calls another; by default a GPU of CUDA where
            onnxruntime has one, else the CPU.
        threads: How many it uses on CPUs; by default as many as there are cores.

    Attributes:
        file: The path of the file.
        contract: What the file says of itself.
        classes: What labels stand for.
        engine: What runs it.

    Raises:
        OSError: If there is no such file, or it cannot be read.
        ValueError: For a file of another origin or format version, without post-processing, whose
            metadata are not those of its graph, or that the engine cannot run; for another engine,
            device or number of threads.
        ModuleNotFoundError: If the engine is not installed; says how to install it.
    """

    def __init__(
        self,
        file: str | Path,
        engine: str = 'auto',
        *,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.file = os.fspath(file)
        self.contract = read_contract(file)
        self.classes = self.contract.classes
        self.engine = open_engine(file, engine, device, threads)
        self._check_graph()

    def input_side(self) -> int:
        """Return the shorter side of the network's input in pixels."""
        return min(self.contract.size)

    def __call__(
        self,
        images: Any,
        channel_order: ChannelOrder | None = None,
        on_unreadable: Callable[[Any, Exception], None] | None = None,
    ) -> Any:
        """Find the segments of one image or of several.

        Args:
            images: A path, an array ``(H, W)`` or ``(H, W, C)``, a PIL image or the bytes of a
                file; or a list of images, which are looked at one after the other.
            channel_order: Of arrays, which are refused without it.
            on_unreadable: Called with an image of a list that cannot be read, and the error, in
                place of a warning.

        Returns:
            A :class:`~kmax_deeplab.result.PanopticResult` for one image; a list of those of the
            images that can be read for a list.

        Raises:
            OSError: If the image, or every one of a list, cannot be read.
            ValueError, TypeError: For what is no image, arrays without an order of channels, and
                images that do not fit into the input of a file whose pipeline resizes none.
        """
        if not isinstance(images, list | tuple):
            return self.observe(images, channel_order).result()
        for image in images:
            self._check_order(image, channel_order)
        results, errors = [], []
        for image in images:
            try:
                results.append(self.observe(image, channel_order).result())
            except (OSError, ValueError) as error:
                errors.append(error)
                if on_unreadable is not None:
                    on_unreadable(image, error)
                else:
                    warnings.warn(f'{error}: it has no result', stacklevel=2)
        if errors and not results and on_unreadable is None:
            raise errors[0]
        return results

    def read(self, image: Any, channel_order: ChannelOrder | None = None) -> NDArray[np.uint8]:
        """Return the pixels of an image as it is shown, RGB ``(H, W, 3)``."""
        self._check_order(image, channel_order)
        return to_rgb(read_image(image, self.contract.decoder, channel_order or 'bgr')[0])

    def observe(self, image: Any, channel_order: ChannelOrder | None = None) -> 'ObservedByFile':
        """Run the file on one image; its result can then be had in other resolutions.

        Args:
            image: As a call takes it.
            channel_order: Of an array.

        Raises:
            OSError: If the image cannot be read.
            ValueError, TypeError: As a call.
        """
        self._check_order(image, channel_order)
        pixels, path = read_image(image, self.contract.decoder, channel_order or 'bgr')
        resized = self.contract.resize(pixels)
        run = partial(self._run, self._input(resized), resized.shape[:2])
        rerun = run if self.contract.merges_at == 'output' else None
        found = run(pixels.shape[:2])
        return ObservedByFile(found, resized.shape[:2], to_rgb(pixels), path, self.classes, rerun)

    def _check_graph(self) -> None:
        """Refuse a file of which somebody changed the graph or the metadata, but not both."""
        wanted = {*INPUTS, *(['output'] if self.contract.merges_at == 'output' else [])}
        if (
            set(self.engine.inputs) - {RESIDUAL} != wanted
            or self.engine.image_shape != (1, *self.contract.size, 3)
            or self.engine.image_type != 'uint8'
            or not set(self.engine.outputs) >= {*MAPS}
        ):
            raise ValueError(
                f'the graph of {self.file} does not take and give what its metadata say: export it '
                'again'
            )

    def _check_order(self, image: Any, channel_order: str | None) -> None:
        if channel_order not in (None, 'bgr', 'rgb'):
            raise ValueError(f"channel_order is {channel_order!r}, but must be 'bgr' or 'rgb'")
        if isinstance(image, np.ndarray) and channel_order is None:
            raise ValueError(
                "an array does not tell the order of its channels: give channel_order='rgb', or "
                "'bgr' as OpenCV reads files"
            )

    def _input(self, resized: np.ndarray) -> Arrays:
        """Pad a BGR image ``(h, w, 3)``, and return it as the file takes it, RGB."""
        height, width = resized.shape[:2]
        padded = self.contract.size
        if height > padded[0] or width > padded[1]:
            raise ValueError(
                f'an image of {height}x{width} (height x width) does not fit into the input of '
                f'{self.file}, which is {padded[0]}x{padded[1]}: resize it to fit, or export with '
                'another --size'
            )
        if RESIDUAL not in self.engine.inputs and resized.dtype != np.uint8:
            resized = np.rint(resized).astype(np.uint8)
        canvas = np.full((1, *padded, 3), GREY, resized.dtype)
        canvas[0, :height, :width] = resized[..., ::-1]
        return split_levels(canvas)

    def _run(self, levels: Arrays, content: Size, output: Size) -> dict[str, NDArray[Any]]:
        inputs = dict(levels, content=np.array(content, np.int64))
        if 'output' in self.engine.inputs:
            inputs['output'] = np.array(output, np.int64)
        return self.engine.run(inputs)


@dataclass(frozen=True, eq=False)
class ObservedByFile:
    """What a file makes of an image.

    Attributes:
        found: Outputs of the file.
        content: ``(height, width)`` of the image as the network sees it.
        image: The image, RGB ``(H, W, 3)`` uint8.
        path: The file of the image, or None.
        classes: What labels stand for.
        rerun: Runs the file for another size of the output, where segments are decided at that.
    """

    found: Mapping[str, NDArray[Any]]
    content: Size
    image: NDArray[np.uint8]
    path: str | None
    classes: Classes
    rerun: Callable[[Size], dict[str, NDArray[Any]]] | None

    @property
    def panoptic(self) -> NDArray[np.int32]:
        """``(H, W)`` of the image: ``label + 1000 * instance``, the number of classes for void."""
        panoptic = self.found['panoptic']
        if self.rerun is not None:
            return panoptic
        height, width = self.content
        return bring_out(panoptic[:height, :width], self.image.shape[:2])

    @property
    def scores(self) -> dict[int, float]:
        """The score of each segment by its value in the map, at the network's resolution."""
        ids, scores = self.found['ids'].tolist(), self.found['scores'].tolist()
        return dict(zip(ids, scores, strict=True))

    def result(self) -> PanopticResult:
        """Return the segments at the size of the image."""
        return PanopticResult.from_panoptic(
            self.panoptic,
            self.classes,
            segment_scores=self.scores,
            image=self.image,
            path=self.path,
        )

    def at(self, image: NDArray[np.uint8]) -> 'ObservedByFile':
        """Return the same for the image in another resolution: results then have its size.

        Args:
            image: RGB ``(h, w, 3)``, of any size.
        """
        found = self.found if self.rerun is None else self.rerun(image.shape[:2])
        return replace(self, found=found, image=image)


def bring_out(panoptic: NDArray[np.int32], size: Size) -> NDArray[np.int32]:
    """Resize a map ``(h, w)`` to ``(height, width)``, nearest pixel with aligned corners."""
    for axis, new_size in enumerate(size):
        if panoptic.shape[axis] != new_size:
            index = nearest_index(panoptic.shape[axis], new_size)
            panoptic = panoptic.take(index, axis)
    return panoptic
