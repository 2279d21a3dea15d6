"""What the contestants of a benchmark have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

DTYPES = ('float32', 'bfloat16', 'float16')
"""Names of the precisions, as torch has them."""

EAGER = 'eager'
EXPORTED = ('onnxruntime', 'openvino')
ENGINES = (EAGER, 'folded', 'compiled', *EXPORTED)
"""What may run a model: PyTorch with the model as it is, with its batch norms folded, and that
compiled; and what runs an exported file."""


@dataclass(frozen=True)
class Conditions:
    """The work that is measured, the same for all.

    Attributes:
        size: ``(height, width)`` of the padded input.
        output: ``(height, width)`` of the panoptic maps.
        batch: Images at once.
        segments: Segments of each image: those that the merge pastes, or that training learns.
        device: Where the models run.
        dtype: Precision, one of ``DTYPES``; all but ``float32`` by autocast.
        fuse: Whether batch norms become part of other layers.
        compile: Whether networks are compiled.
        train: Whether steps of a training are measured, else predictions.
        end_to_end: Whether predictions go from images of 8 bits to maps on the host, else from
            normalised images to logits.
    """

    size: tuple[int, int]
    output: tuple[int, int] = (480, 640)
    batch: int = 1
    segments: int = 19
    device: str = 'cpu'
    dtype: str = 'float32'
    fuse: bool = False
    compile: bool = False
    train: bool = False
    end_to_end: bool = False

    @property
    def content(self) -> tuple[int, int]:
        """Part of the input that shows the image: the largest of the output's shape."""
        scale = min(new / old for new, old in zip(self.size, self.output, strict=True))
        height, width = (max(1, round(side * scale)) for side in self.output)
        return min(height, self.size[0]), min(width, self.size[1])

    @property
    def plain(self) -> 'Conditions':
        """The same work by the model as it is: not fused, not compiled, in float32."""
        return replace(self, fuse=False, compile=False, dtype='float32')

    @contextmanager
    def precision(self) -> Iterator[None]:
        """Compute in the precision asked for."""
        # Not before, as the command line is parsed without torch.
        import torch

        kind, dtype = torch.device(self.device).type, getattr(torch, self.dtype)
        with torch.autocast(kind, dtype, enabled=dtype != torch.float32):
            yield

    def synchronize(self) -> None:
        """Wait for the device."""
        import torch

        if torch.device(self.device).type == 'cuda':
            torch.cuda.synchronize(self.device)
