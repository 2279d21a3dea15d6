"""From images to a normalised batch."""

from collections.abc import Sequence

from mmdet.models import DetDataPreprocessor
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from torch import Tensor

from ..runtime.values import check_size


@MODELS.register_module()
class KMaXDataPreprocessor(DetDataPreprocessor):
    """Turn BGR images into RGB in [-1, 1] and pad them to a size of the form 32k + 1.

    Images are padded at the bottom and on the right with mid-grey, which is 0 after normalisation,
    as the original does for training and for evaluation. Ground truth keeps its size;
    :func:`~.targets.build_targets` pads it with void. The batch has the precision of the model:
    call ``model.double()`` for float64.

    Args:
        pad_size: ``(height, width)`` of every batch. By default the smallest size of the form
            32k + 1 that holds the largest image of the batch.
        non_blocking: Whether to copy to the device without waiting.

    Attributes:
        may_grow: Whether images that exceed ``pad_size`` are padded as by default, instead of
            refused; test-time augmentation sets it.
    """

    def __init__(self, pad_size: tuple[int, int] | None = None, non_blocking: bool = False) -> None:
        if pad_size is not None:
            check_size('data_preprocessor.pad_size', pad_size)
        super().__init__(
            mean=[127.5] * 3,
            std=[127.5] * 3,
            bgr_to_rgb=True,
            non_blocking=non_blocking,
        )
        self.pad_size = pad_size
        self.may_grow = False

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise and pad a batch.

        Args:
            data: ``inputs``, images ``(3, h, w)``, and ``data_samples`` or None.
            training: Whether targets will be built: the labels of segments are then noted on the
                host, where no device has to be waited for.

        Returns:
            ``inputs``, ``(B, 3, H, W)``, and ``data_samples``, which have ``batch_input_shape`` and
            ``pad_shape`` in addition.

        Raises:
            ValueError: If an image is larger than ``pad_size``, or has neither 1 nor 3 channels.
        """
        if not isinstance(data, dict) or 'inputs' not in data:
            raise ValueError(
                'a batch holds no inputs: the pipeline of the data set must end with PackKMaXInputs'
            )
        if training:
            _note_labels(data.get('data_samples') or ())
        data = self.cast_data(data)
        images, samples = data['inputs'], data.get('data_samples')
        for image in images:
            if image.shape[0] not in (1, 3):
                raise ValueError(
                    f'an image has {image.shape[0]} channels, expected are 3, or 1 for a grey one: '
                    'check color_type of LoadImageFromFile, or what was given for an image'
                )
        shape = self._batch_shape(images)
        # Padded before it is normalised: the passes over the batch are in place.
        batch = self.mean.expand(len(images), 3, 1, 1).repeat(1, 1, *shape)
        for canvas, image in zip(batch, images, strict=True):
            canvas[:, : image.shape[-2], : image.shape[-1]] = image.flip(0)
        batch.sub_(self.mean).div_(self.std)
        for sample in samples or ():
            sample.set_metainfo({'batch_input_shape': shape, 'pad_shape': shape})
        return {'inputs': batch, 'data_samples': samples}

    def group_by_shape(self, images: Sequence[Tensor]) -> list[list[int]]:
        """Return the indices of the images that are padded alike when each is on its own."""
        groups: dict[tuple[int, int], list[int]] = {}
        for index, image in enumerate(images):
            groups.setdefault(self._batch_shape([image]), []).append(index)
        return list(groups.values())

    def _batch_shape(self, images: Sequence[Tensor]) -> tuple[int, int]:
        height = max(image.shape[-2] for image in images)
        width = max(image.shape[-1] for image in images)
        if self.pad_size is not None and height <= self.pad_size[0] and width <= self.pad_size[1]:
            return self.pad_size[0], self.pad_size[1]
        if self.pad_size is not None and not self.may_grow:
            raise ValueError(
                f'an image of {height}x{width} (height x width) does not fit into pad_size '
                f'{tuple(self.pad_size)}: resize it to fit or set another pad_size'
            )
        return _next_size(height), _next_size(width)


def _next_size(size: int) -> int:
    return -(-(size - 1) // 32) * 32 + 1


def _note_labels(samples: Sequence[DetDataSample]) -> None:
    """Add ``segment_labels``, a list, to the metainfo of samples with id maps."""
    for sample in samples:
        if 'gt_segments' in sample:
            sample.set_metainfo({'segment_labels': sample.gt_segments.labels.tolist()})
