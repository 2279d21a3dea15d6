"""One model in PyTorch and as an exported file: from the path of an image to its map."""

import copy
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmdet.evaluation.functional import INSTANCE_OFFSET
from mmengine.config import Config
from numpy.typing import NDArray

from kmax_deeplab.atomic_file import write_atomically
from kmax_deeplab.exported.engines import Engine, installed_engines, open_engine
from kmax_deeplab.exported.levels import RESIDUAL
from kmax_deeplab.result import PanopticResult
from kmax_deeplab.runtime import PanopticModel, bring_out

from ..apis import KMaXInferencer
from ..classes import numbered_classes
from ..converters.checkpoint import save_checkpoint
from ..datasets.shapes import draw_scene
from ..deploy.checking import LEAST_EQUAL, Comparison, PaddedImage, expect
from ..deploy.exporting import export_model, refuse_missing_exporter
from ..deploy.metadata import describe
from ..deploy.pipelines import bring_to_size
from ..deploy.rules import refuse_rules
from ..engine.compilation import check_compiler
from ..runtime.malloc import keep_freed_memory
from .conditions import EAGER, EXPORTED, Conditions
from .contestant import ONLY_PANOPTIC, Contestant
from .measuring import alternate, measure_peak
from .run import STAGE_RUNS
from .stages import MERGE, StageClock

IN_TORCH: dict[str, dict[str, Any]] = dict(
    eager={}, folded=dict(fuse=True), compiled=dict(fuse=True, compile=True)
)
"""How the inferencer is built for engines that are no others than PyTorch."""

DRAWN = ((480, 640), (640, 427), (500, 500), (333, 640))
"""``(height, width)`` of images that are drawn where none are given."""

SURE = 100.0
"""What random masks are multiplied by, so that their pixels are sure of one."""


@dataclass(frozen=True)
class Work:
    """What all engines do.

    Attributes:
        config: Of the model, for inputs of ``size``.
        weights: Its checkpoint.
        size: ``(H, W)`` of the padded input.
        images: Paths.
    """

    config: Config
    weights: Path
    size: tuple[int, int]
    images: list[str]


@dataclass
class Contender:
    """An engine with the model.

    Attributes:
        predict: From the path of an image to its segments.
        merge_seconds: Returns the seconds that resizing and merging masks takes of one image.
        keeps_memory: Whether it keeps what the first run takes, so that this run is measured.
    """

    predict: Callable[[str], PanopticResult]
    merge_seconds: Callable[[str], float]
    keeps_memory: bool


@dataclass
class EngineFigures:
    """What was found with some threads.

    Attributes:
        threads: Of each engine.
        figures: For each engine, by its name, ``median_s``, ``min_s``, ``cpu_s``, ``spread``,
            ``images_per_s``, ``peak_mib``, ``merge_s``, ``equal_pixels``, ``same_segments``,
            ``images``, ``segments``, ``equal``, and in relation to eager ``ratio``, ``cpu_ratio``.
    """

    threads: int
    figures: dict[str, dict[str, Any]]


def refuse_missing(names: Sequence[str]) -> None:
    """Refuse engines that do not work here.

    Raises:
        ModuleNotFoundError: If one, or what writes its file, is not installed; says how to.
        RuntimeError: If the model is to be compiled and there is no compiler.
    """
    there = installed_engines()
    for name in names:
        if name in EXPORTED and name not in there:
            raise ModuleNotFoundError(
                f'{name} is not installed here: pip install {name}', name=name
            )
    if set(names) & set(EXPORTED):
        refuse_missing_exporter()
    if 'compiled' in names:
        check_compiler('cpu', option='--engines compiled')


def run_engines(
    config: Config,
    weights: str | None,
    names: Sequence[str],
    threads: Sequence[int],
    conditions: Conditions,
    images: list[str],
    runs: int,
    warmup: int,
    progress: Callable[[str], None],
) -> list[EngineFigures]:
    """Measure engines in turns, eager first, and compare their maps.

    Args:
        config: Of a KMaXDeepLab; is not changed.
        weights: Its checkpoint; without one they are random, and thresholds of classes are 0, so
            that there is something to merge.
        names: Of engines, of ``ENGINES``.
        threads: Numbers of threads, each of which is measured.
        conditions: The size of the input.
        images: Paths; where there are none, some are drawn.
        runs: Measured runs of each, of one image after the other.
        warmup: Runs before those.
        progress: Is told in a line how far it is.

    Raises:
        ValueError: If the model is none of ours, the checkpoint is another's, or the graph cannot
            hold its rules.
        OSError: If an image cannot be read.
    """
    config = copy.deepcopy(config)
    size = bring_to_size(config, conditions.size)
    # Files hold no more.
    config.model.setdefault('test_cfg', {}).update(ONLY_PANOPTIC)
    names = list(dict.fromkeys([EAGER, *names]))
    with tempfile.TemporaryDirectory(prefix='kmax-benchmark-') as place:
        folder = Path(place)
        if weights is None:
            progress('making weights')
            checkpoint = make_weights(config, conditions, folder / 'random.pth')
        else:
            checkpoint = Path(weights)
        work = Work(config, checkpoint, size, images or draw_images(folder))
        networks = {
            name: KMaXInferencer(config, checkpoint, 'cpu', **IN_TORCH[name])
            for name in names
            if name in IN_TORCH
        }
        eager = networks[EAGER]
        for image in work.images:
            eager.read(image)
        if set(names) & set(EXPORTED):
            progress('exporting')
            export(eager, work, folder)
        found: list[EngineFigures] = []
        for count in threads:
            torch.set_num_threads(count)
            if 'compiled' in names:
                # What is compiled holds the number of threads.
                torch.compiler.reset()
            contenders = {
                name: _in_torch(networks[name])
                if name in networks
                else _of_file(folder, name, count, eager, size)
                for name in names
            }
            found.append(_measure(contenders, work, eager, count, runs, warmup, progress))
    # Freed memory is kept from the first time on.
    for later in found[1:]:
        for name, figures in later.figures.items():
            figures['peak_mib'] = found[0].figures[name]['peak_mib']
    return found


@torch.no_grad()
def make_weights(config: Config, conditions: Conditions, path: Path) -> Path:
    """Write random weights whose masks are sure of their pixels, and let any class be pasted.

    Raises:
        OSError: If they cannot be written, as on a full disk.
    """
    model = Contestant.build('random', config, conditions).model
    head: Any = model.panoptic_head
    head.predictor.mask_bn.weight *= SURE
    meta = dict(dataset_meta=numbered_classes(head.num_classes))
    save_checkpoint(path, model.state_dict(), meta)
    thresholds = ('class_threshold', 'class_threshold_thing', 'class_threshold_stuff')
    config.model.test_cfg.update(dict.fromkeys(thresholds, 0.0))
    return path


def draw_images(folder: Path) -> list[str]:
    """Write drawn images as JPEG and return their paths."""
    paths = []
    for seed, (height, width) in enumerate(DRAWN):
        _, content = cv2.imencode('.jpg', draw_scene(seed, width, height).image)
        path = folder / f'{seed}.jpg'
        write_atomically(path, content.tobytes())
        paths.append(str(path))
    return paths


def export(inferencer: KMaXInferencer, work: Work, folder: Path) -> None:
    """Write ``maps.onnx`` and ``logits.onnx``.

    Raises:
        ValueError: If the graph cannot hold the rules.
        OSError: If they cannot be written, as on a full disk.
    """
    cfg = inferencer.model.panoptic_fusion_head.read_test_cfg()
    refuse_rules(cfg)
    for output in ('maps', 'logits'):
        metadata = describe(
            work.config,
            work.weights,
            inferencer.classes,
            cfg,
            work.size,
            output=output,
            precision='fp32',
            dynamic=False,
        )
        write_atomically(folder / f'{output}.onnx', export_model(inferencer.model, metadata))


def values_of(result: PanopticResult, void: int) -> NDArray[np.int32]:
    """Return a map ``(H, W)`` that tells class and segment, as :class:`Comparison` takes it.

    Args:
        result: Segments of an image.
        void: The number of classes.
    """
    table = np.full(len(result.segments_info) + 1, void, np.int32)
    for segment in result.segments_info:
        table[segment['id']] = segment['label_id'] + INSTANCE_OFFSET * segment['id']
    return table[result.id_map]


def _in_torch(inferencer: KMaXInferencer) -> Contender:
    fusion = inferencer.model.panoptic_fusion_head

    def merge_seconds(path: str) -> float:
        clock = StageClock(lambda: None)
        with clock.watch({(fusion, 'predict'): MERGE}):
            inferencer.observe(path).result()
        return clock.seconds[MERGE]

    return Contender(lambda path: inferencer.observe(path).result(), merge_seconds, False)


def _of_file(
    folder: Path, name: str, threads: int, eager: KMaXInferencer, size: tuple[int, int]
) -> Contender:
    model = PanopticModel(folder / 'maps.onnx', name, device='cpu', threads=threads)
    # Loaded when it is used: else it would be there while memory is measured.
    loaded: list[Engine] = []

    def merge_seconds(path: str) -> float:
        first = not loaded
        if first:
            loaded.append(open_engine(folder / 'logits.onnx', name, 'cpu', threads))
        image = PaddedImage.prepare(eager, path, size, RESIDUAL in model.engine.inputs)
        inputs = image.inputs
        timings = alternate(
            dict(maps=lambda: model.engine.run(inputs), logits=lambda: loaded[0].run(inputs)),
            count=1,
            warmup=int(first),
        )
        return max(timings['maps'].median - timings['logits'].median, 0.0)

    return Contender(lambda path: model.observe(path).result(), merge_seconds, True)


def _measure(
    contenders: Mapping[str, Contender],
    work: Work,
    eager: KMaXInferencer,
    threads: int,
    runs: int,
    warmup: int,
    progress: Callable[[str], None],
) -> EngineFigures:
    peaks = {}
    for name, contender in contenders.items():
        progress(f'memory of {name}')
        if not contender.keeps_memory:
            contender.predict(work.images[0])
        peaks[name] = measure_peak(partial(contender.predict, work.images[0]), 'cpu')
    keep_freed_memory()
    progress('comparing maps')
    comparisons = _compare(contenders, work, eager)
    figures = {}
    timings = alternate(
        {name: _in_turn(each.predict, work.images) for name, each in contenders.items()},
        runs,
        warmup,
        progress=progress,
    )
    for name, timing in timings.items():
        progress(f'merge of {name}')
        images = (work.images * STAGE_RUNS)[:STAGE_RUNS]
        merge = statistics.median(contenders[name].merge_seconds(image) for image in images)
        compared, reference = comparisons[name], timings[EAGER]
        processor = statistics.median(timing.processor) / statistics.median(reference.processor)
        figures[name] = dict(
            timing.summary(),
            images_per_s=1 / timing.median,
            ratio=timing.median / reference.median,
            cpu_ratio=processor,
            peak_mib=peaks[name],
            merge_s=merge,
            merge_share=merge / timing.median,
            equal_pixels=compared.share,
            same_segments=compared.same_segments,
            images=len(compared.equal),
            segments=sum(compared.segments),
            equal=compared.share >= LEAST_EQUAL and compared.same_segments == len(compared.equal),
        )
    return EngineFigures(threads, figures)


def _in_turn(predict: Callable[[str], Any], images: Sequence[str]) -> Callable[[], Any]:
    following: Iterator[str] = cycle(images)
    return lambda: predict(next(following))


def _compare(
    contenders: Mapping[str, Contender], work: Work, eager: KMaXInferencer
) -> dict[str, Comparison]:
    """Compare maps of the images' own sizes with those of PyTorch, merged where files merge.

    That is at the input's size; where PyTorch merges at the output's, as the port does, its map is
    merged at the input's for files, and then resized as theirs.
    """
    void = eager.model.panoptic_head.num_classes
    comparisons = {name: Comparison(name) for name in contenders}
    for path in work.images:
        results = {name: each.predict(path) for name, each in contenders.items()}
        in_torch = values_of(results[EAGER], void)
        padded = PaddedImage.prepare(eager, path, work.size)
        at_input = bring_out(expect(eager.model, padded), in_torch.shape)
        for name, result in results.items():
            expected = in_torch if name in IN_TORCH else at_input
            comparisons[name].add(values_of(result, void), expected, void)
    return comparisons
