"""The engines that run an exported file, each behind the same three lines."""

import os
from collections.abc import Callable, Collection, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .levels import RESIDUAL

Arrays = Mapping[str, NDArray[Any]]

ENGINES = ('auto', 'onnxruntime', 'openvino')
"""What an engine may be called; pip calls the packages so, too."""

_CPU, _CUDA = 'CPUExecutionProvider', 'CUDAExecutionProvider'


class Engine(Protocol):
    """A loaded file.

    Attributes:
        name: Of the engine, one of ``ENGINES``.
        device: Where it runs, in the engine's own words.
        inputs: Names of what it takes.
        outputs: Names of what it gives, and maybe of more.
        image_shape: Of the input ``image``; what is no number may be any.
        image_type: Of its elements, as numpy calls it.
    """

    name: str
    device: str
    inputs: Collection[str]
    outputs: Collection[str]
    image_shape: tuple[Any, ...]
    image_type: str

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Return all outputs by name; it may be called from several threads.

        ``RESIDUAL`` may be left out.
        """


class OnnxRuntime:
    """Runs a file with onnxruntime, on a CPU or with CUDA."""

    name = 'onnxruntime'

    def __init__(self, path: str, device: str | None, threads: int | None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # Its warnings are of nodes, which no user can change.
        if threads is not None:
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
        providers = self._providers(onnxruntime.get_available_providers(), device)
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        self.device = self._session.get_providers()[0].removesuffix('ExecutionProvider').lower()
        if device is not None and self.device != device.partition(':')[0]:
            raise ValueError(f'onnxruntime cannot use {device} here: it fell back to {self.device}')
        nodes = self._session.get_inputs() + self._session.get_overridable_initializers()
        self.inputs: Collection[str] = frozenset(node.name for node in nodes)
        self.outputs: Collection[str] = [node.name for node in self._session.get_outputs()]
        shapes = {node.name: tuple(node.shape) for node in nodes}
        self.image_shape: tuple[Any, ...] = shapes.get('image', ())
        types = {node.name: node.type for node in nodes}
        self.image_type = types.get('image', '').removeprefix('tensor(').removesuffix(')')

    @staticmethod
    def _providers(available: list[str], device: str | None) -> list[Any]:
        kind, _, index = (device or '').partition(':')
        if device in (None, 'cpu'):
            return [_CUDA, _CPU] if _CUDA in available and device is None else [_CPU]
        if kind != 'cuda' or not (index.isdecimal() or device == kind):
            raise ValueError(f"device is {device!r}, but must be 'cpu', 'cuda' or 'cuda:N' here")
        if _CUDA not in available:
            raise ValueError(
                f'device is {device!r}, and this onnxruntime has no CUDA: pip install '
                'onnxruntime-gpu, in place of onnxruntime'
            )
        return [(_CUDA, dict(device_id=int(index or 0))), _CPU]

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Return all outputs by name."""
        return dict(zip(self.outputs, self._session.run(self.outputs, inputs), strict=True))


class OpenVino:
    """Runs a file with OpenVINO, on a CPU or another device that it has."""

    name = 'openvino'

    def __init__(self, path: str, device: str | None, threads: int | None) -> None:
        import openvino

        core = openvino.Core()
        self.device = (device or 'cpu').upper()
        known = core.available_devices
        if self.device.partition('.')[0] not in {name.partition('.')[0] for name in known}:
            names = ', '.join(name.lower() for name in known)
            raise ValueError(f'device is {device!r}, but OpenVINO finds only {names} here')
        # A latency hint, as images come one after another; CPUs else compute in bfloat16 where they
        # can, whatever the file is written in.
        settings: dict[str, Any] = dict(PERFORMANCE_HINT='LATENCY')
        if self.device == 'CPU':
            settings['INFERENCE_PRECISION_HINT'] = 'f32'
            if threads is not None:
                settings['INFERENCE_NUM_THREADS'] = threads
        model = core.read_model(path)
        _open_input(model, RESIDUAL)
        self._model = core.compile_model(model, self.device, settings)
        self.inputs: Collection[str] = frozenset(port.any_name for port in self._model.inputs)
        # An output may have names of the graph's inner values besides its own.
        self.outputs: Collection[str] = [
            name for port in self._model.outputs for name in port.names
        ]
        self.image_shape: tuple[Any, ...] = tuple(
            side.get_length() if side.is_static else None
            for side in self._model.input('image').partial_shape
        )
        self.image_type = self._model.input('image').element_type.to_dtype().name

    def run(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """Return all outputs by name."""
        given = dict(inputs)
        if RESIDUAL in self.inputs and RESIDUAL not in given:
            given[RESIDUAL] = np.zeros(inputs['image'].shape, np.float32)
        # Each its own: a request must not be started again while it runs.
        found = self._model.create_infer_request().infer(given)
        return {name: values for port, values in found.items() for name in port.names}


def _open_input(model: Any, name: str) -> None:
    """Make a constant of an input ``(1, H, W, 3)`` again: OpenVINO leaves no default open."""
    from openvino import opset13

    image = model.input('image')
    for node in model.get_ordered_ops():
        if node.get_friendly_name() == name and node.get_type_name() == 'Constant':
            parameter = opset13.parameter(image.get_partial_shape(), np.float32, name)
            parameter.output(0).get_tensor().set_names({name})
            node.output(0).replace(parameter.output(0))
            model.add_parameters([parameter])


_ENGINES: dict[str, Callable[[str, str | None, int | None], Engine]] = {
    'onnxruntime': OnnxRuntime,
    'openvino': OpenVino,
}


def open_engine(
    path: str | Path, name: str = 'auto', device: str | None = None, threads: int | None = None
) -> Engine:
    """Load a file.

    Args:
        path: The file, of which it is known that it is one of ours.
        name: ``'onnxruntime'``, ``'openvino'``, or ``'auto'`` for the one that is installed; of
            both OpenVINO, unless the device is CUDA's.
        device: ``'cpu'``, ``'cuda'`` or ``'cuda:1'`` with onnxruntime, what OpenVINO calls its
            devices with OpenVINO; by default a GPU of CUDA where onnxruntime has one, else the CPU.
        threads: How many it uses on CPUs; by default as many as there are cores.

    Raises:
        ValueError: For another engine, device or number, or a file that the engine cannot run.
        ModuleNotFoundError: If the engine is not installed; says how to install it.
    """
    check_settings(name, threads, device)
    if name == 'auto':
        name = _choose(device)
    elif not _is_installed(name):
        raise ModuleNotFoundError(f'{name} is not installed here: pip install {name}', name=name)
    try:
        return _ENGINES[name](os.fspath(path), device, threads)
    except ValueError:
        raise
    except Exception as error:
        # Both raise kinds of their own, of several lines; OpenVINO's begin with where it was.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reasons = [line for line in lines if not line.startswith('Exception from')]
        reason = (reasons or lines or [type(error).__name__])[0]
        raise ValueError(f'{name} cannot run {path}: {reason}') from error


def check_settings(name: str, threads: int | None, device: str | None = None) -> None:
    """Raise a ValueError for an engine that does not exist, no number of threads, or no name."""
    if name not in ENGINES:
        raise ValueError(f'engine is {name!r}, but must be one of {", ".join(ENGINES)}')
    is_number = isinstance(threads, int) and not isinstance(threads, bool)
    if threads is not None and not (is_number and threads > 0):
        raise ValueError(f'threads is {threads!r}, but must be a whole number from 1 on')
    if device is not None and not (isinstance(device, str) and device):
        raise ValueError(f"device is {device!r}, but must be a name such as 'cpu'")


def installed_engines() -> list[str]:
    """Return the names of the engines that are installed here."""
    return [name for name in _ENGINES if _is_installed(name)]


def _choose(device: str | None) -> str:
    installed = installed_engines()
    if not installed:
        raise ModuleNotFoundError(
            'an exported model needs onnxruntime or openvino, and neither is installed here: '
            "pip install 'kmax-deeplab[deploy]'",
            name='onnxruntime',
        )
    if len(installed) == 1 or (device or '').startswith('cuda'):
        return installed[0]
    return 'openvino' if device is not None or not _has_cuda() else 'onnxruntime'


def _has_cuda() -> bool:
    import onnxruntime

    return _CUDA in onnxruntime.get_available_providers()


def _is_installed(name: str) -> bool:
    return find_spec(name) is not None
