"""The runtimes that are installed, to check a file in."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Run = Callable[[NDArray[Any], Sequence[int]], list[NDArray]]
"""From a padded image ``(1, H, W, 3)`` and its content to the outputs, in their order."""


def _open_onnxruntime(content: bytes, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=['CPUExecutionProvider'])

    def run(image: NDArray[Any], shown: Sequence[int]) -> list[NDArray]:
        return session.run(None, dict(image=image, content=np.array(shown, np.int64)))

    return run


def _open_openvino(content: bytes, threads: int) -> Run:
    import openvino

    core = openvino.Core()
    # Where the processor computes in lower precision by itself, a check would see that.
    settings = {'INFERENCE_NUM_THREADS': threads, 'INFERENCE_PRECISION_HINT': 'f32'}
    compiled: Any = core.compile_model(core.read_model(content), 'CPU', settings)
    request = compiled.create_infer_request()

    def run(image: NDArray[Any], shown: Sequence[int]) -> list[NDArray]:
        found = request.infer([image, np.array(shown, np.int64)])
        return [np.array(found[output]) for output in compiled.outputs]

    return run


ENGINES: dict[str, Callable[[bytes, int], Run]] = dict(
    onnxruntime=_open_onnxruntime, openvino=_open_openvino
)
"""By the name of the package: opens the bytes of a file, for some threads."""


def installed_engines() -> list[str]:
    """Return the names of those that are installed."""
    return [name for name in ENGINES if importlib.util.find_spec(name) is not None]
