"""A config to start from, chosen by what a data set holds and how much memory there is."""

from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from mmengine.config import Config

from kmax_deeplab.config_parts import panoptic_files

from ..datasets.panoptic import KMaXPanopticDataset
from .hooks.check_classes import check_same_classes
from .training_memory import GIB, TrainingStep, training_memory

STRIDE = 32
SPLITS = ('train', 'val')
# What estimates leave out: contexts, scratch memory of kernels, gaps between blocks.
USABLE = 0.85


@dataclass(frozen=True)
class DataStatistics:
    """What counts for the choice of a model.

    Attributes:
        num_things: Thing classes.
        num_stuff: Stuff classes.
        images: Images that are trained on.
        most_segments: Segments of the image that has most.
        size: ``(height, width)`` in the median.
    """

    num_things: int
    num_stuff: int
    images: int
    most_segments: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Machine:
    """Where a model is trained: the GiB of its memory, and whether it is that of a GPU."""

    gib: float
    has_gpu: bool


@dataclass(frozen=True)
class Recipe:
    """A model, and how it is trained.

    Attributes:
        bases: The configs that it is based on.
        why: What speaks for it.
        queries: The fewest queries.
        longest: Longest side of the input.
        batches: Images at a time, the best number first.
        step: Images of a step of the optimiser, which may take several iterations.
        seen: How often each image is seen.
        steps: Fewest and most steps of the optimiser.
    """

    bases: tuple[str, ...]
    why: str
    queries: int
    longest: int
    batches: tuple[int, ...] = (4, 2, 1)
    step: int = 4
    seen: int = 100
    steps: tuple[int, int] = (1000, 20000)


FINE_TUNED = Recipe(
    bases=('kmax_r50_1xb2-40k_custom-panoptic.py',),
    why='R50 goes on from COCO',
    queries=128,
    longest=641,
    batches=(8, 4, 2, 1),
    step=8,
    seen=50,
    steps=(500, 10000),
)
FROM_SCRATCH = Recipe(
    bases=('kmax_r18_custom-panoptic.py',),
    why='R18 from scratch, as R50 has too few queries or takes too much memory',
    queries=64,
    longest=513,
)
ON_CPU = replace(
    FROM_SCRATCH,
    why='R18 from scratch, as there is no GPU',
    longest=385,
    steps=(1000, 10000),
)
TINY = replace(
    ON_CPU,
    bases=(
        '_base_/models/kmax_nano.py',
        '_base_/datasets/my_panoptic.py',
        '_base_/schedules/schedule_small.py',
    ),
    why='nano from scratch, as there is no GPU and images are small',
    queries=32,
    longest=193,
)


@dataclass(frozen=True)
class Choice:
    """A recipe with its numbers.

    Attributes:
        recipe: The recipe.
        statistics: Of the data.
        crop_size: ``(height, width)`` of the input.
        queries: Number of queries.
        batch: Images at a time.
    """

    recipe: Recipe
    statistics: DataStatistics
    crop_size: tuple[int, int]
    queries: int
    batch: int

    @property
    def accumulated(self) -> int:
        """Iterations of a step of the optimiser."""
        return self.recipe.step // self.batch

    @property
    def iterations(self) -> int:
        """Iterations that make whole hundreds of steps."""
        least, most = self.recipe.steps
        wanted = self.recipe.seen * self.statistics.images / self.batch / self.accumulated
        return round(max(least, min(wanted, most)) / 100) * 100 * self.accumulated


def read_statistics(folder: str) -> DataStatistics:
    """Read what a data set in the layout of docs/custom_dataset.md holds.

    Raises:
        OSError: If a JSON cannot be read.
        ValueError: If one is missing, has a fault or no images, or their classes differ.
    """
    for split in SPLITS:
        path = Path(folder, f'panoptic_{split}.json')
        if not path.is_file():
            raise ValueError(
                f'{folder} has no {path.name}: kmax-deeplab import makes it from other formats'
            )
    data, val = (
        KMaXPanopticDataset(
            data_root=folder, pipeline=[], **panoptic_files(f'panoptic_{split}', f'{split}/')
        )
        for split in SPLITS
    )
    check_same_classes(data, val)
    records = [data.get_data_info(index) for index in range(len(data))]
    things = len(data.metainfo['thing_classes'])
    return DataStatistics(
        num_things=things,
        num_stuff=len(data.metainfo['classes']) - things,
        images=len(records),
        most_segments=max(len(record['segment_labels']) for record in records),
        size=(
            round(median(record['height'] for record in records)),
            round(median(record['width'] for record in records)),
        ),
    )


def starting_config(folder: str, machine: Machine) -> str:
    """Return the text of a config for the data in a folder.

    Raises:
        OSError: If its JSON cannot be read.
        ValueError: If the data are no such data set, or the memory is too small for any model.
    """
    statistics = read_statistics(folder)
    recipes = _recipes(statistics, machine)
    for recipe in recipes:
        least = 0.0
        for batch in recipe.batches:
            choice = _choose(recipe, statistics, batch)
            least = _gib(choice, folder)
            if least <= USABLE * machine.gib:
                return _write(choice, folder, f'{least:.1f} of {machine.gib:.1f} GiB')
    raise ValueError(
        f'{machine.gib:.2f} GiB of memory are too little: a step with one image of '
        f'{choice.crop_size[0]}x{choice.crop_size[1]} takes {least:.2f} GiB, and may take '
        f'{USABLE * machine.gib:.2f}'
    )


def _recipes(statistics: DataStatistics, machine: Machine) -> list[Recipe]:
    """Return the recipes to try, the best first."""
    if not machine.has_gpu:
        return [TINY if max(statistics.size) <= TINY.longest else ON_CPU]
    # The queries of the checkpoint are as many as they are.
    fits = statistics.most_segments <= FINE_TUNED.queries
    return [FINE_TUNED, FROM_SCRATCH] if fits else [FROM_SCRATCH]


def _choose(recipe: Recipe, statistics: DataStatistics, batch: int) -> Choice:
    scale = min(1.0, recipe.longest / max(statistics.size))
    height, width = (max(2, round(side * scale / STRIDE)) * STRIDE + 1 for side in statistics.size)
    queries = recipe.queries
    if recipe is not FINE_TUNED:
        # Half as many again, as more than one may be drawn to a segment at first.
        queries = max(queries, -(-statistics.most_segments * 3 // 2 // 8) * 8)
    return Choice(recipe, statistics, (height, width), queries, batch)


def _gib(choice: Choice, folder: str) -> float:
    config = Config.fromstring(_write(choice, folder, ''), '.py')
    step = TrainingStep(choice.crop_size, choice.batch, max(1, choice.statistics.most_segments))
    return training_memory(config, step).total / GIB


def _write(choice: Choice, folder: str, memory: str) -> str:
    data, recipe, n = choice.statistics, choice.recipe, choice.batch
    bases = [f'kmax_deeplab::kmax/{base}' for base in recipe.bases]
    listed = ''.join(f'    {base!r},\n' for base in bases)
    base = repr(bases[0]) if len(bases) == 1 else f'[\n{listed}]'
    root, iterations, steps = folder.rstrip('/') + '/', choice.iterations, ''
    if choice.accumulated > 1 or recipe is FINE_TUNED:
        wrapper = f'optim_wrapper = dict(accumulative_counts={choice.accumulated})'
        steps = f'{wrapper}  # {recipe.step} images make a step of the optimiser\n'
    classes = f'{data.num_things} thing and {data.num_stuff} stuff classes'
    images = f'{data.images} image' + 's' * (data.images != 1)
    return f'''"""{images} of {classes}."""

# {recipe.why}.
_base_ = {base}
from kmax_deeplab.config_parts import add_views, original_test, own_train, panoptic_metric
data_root = {root!r}
crop_size = {choice.crop_size}  # 32k + 1; images have {data.size} pixels in the median
train_pipeline, test_pipeline = own_train(crop_size), original_test(crop_size, with_ids=True)
tta_pipeline = add_views(test_pipeline)
counts = dict(num_things_classes={data.num_things}, num_stuff_classes={data.num_stuff})
decoder = dict(num_queries={choice.queries})  # an image has at most {data.most_segments} segments
model = dict(panoptic_head=dict(counts, transformer_decoder=decoder))
# A step holds about {memory}.
train_dataloader = dict(batch_size={n}, dataset=dict(data_root=data_root, pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(data_root=data_root, pipeline=test_pipeline))
val_evaluator = test_evaluator = panoptic_metric(data_root)
{steps}# Each image is seen {round(iterations * n / data.images)} times.
train_cfg = dict(max_iters={iterations}, val_interval={iterations // 4})
param_scheduler = dict(warmup={iterations // 20})
del counts, decoder
'''
