"""Training data that can start at any batch, which is then what it is in an unbroken run.

When a run starts or resumes, :class:`ResumableBatchSampler` builds its sampler from the config and
the run's seed, draws the indices of the past batches without loading them, and goes on from there.
:class:`SeededDataset` seeds the generators before each sample, by the run's seed and by how many
samples precede it. So a checkpoint need hold nothing of the data but the iteration: no state of
data workers, and nothing of what they have prefetched.
"""

from collections.abc import Iterator
from copy import deepcopy
from itertools import islice
from typing import Any

from mmengine.dist import get_dist_info
from mmengine.registry import DATA_SAMPLERS, DATASETS
from torch.utils.data import BatchSampler, Dataset

from .random_state import seed_sample


class SampleIndex(int):
    """Index of a sample that knows the run's seed and the sample's position in the run."""

    seed: int
    position: int

    @classmethod
    def make(cls, index: int, seed: int, position: int) -> 'SampleIndex':
        """Return ``index`` with its seed and position."""
        made = cls(index)
        made.seed, made.position = seed, position
        return made


@DATASETS.register_module()
class SeededDataset(Dataset):
    """Seeds the generators before it takes a sample from another data set.

    Whatever draws from the global generators of Python, numpy and torch is covered. Attributes are
    read from and set on the other data set.

    Args:
        dataset: Config of the data set, or the data set.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset

    def __getattr__(self, name: str) -> Any:
        # Before it is unpickled in a worker, there is no data set to ask.
        if name == 'dataset' or name.startswith('__'):
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Hooks change the pipeline of a loader's data set.
        if name == 'dataset':
            super().__setattr__(name, value)
        else:
            setattr(self.dataset, name, value)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        if isinstance(index, SampleIndex):
            seed_sample(index.seed, index.position)
        return self.dataset[int(index)]


@DATA_SAMPLERS.register_module()
class ResumableBatchSampler:
    """Yields batches of sample indices without end, from the batch that :meth:`start_at` names.

    Before that is called it yields none.

    Args:
        sampler: The sampler, as the runner built it.
        batch_size: Samples per batch of one process.
        sampler_cfg: Its config, from which it is built again at each start.
        batch_sampler_cfg: Config of a batch sampler, if the samples are not just counted.
        drop_last: Whether an incomplete last batch of a finite sampler is left out.
    """

    def __init__(
        self,
        sampler: Any,
        batch_size: int,
        sampler_cfg: dict,
        batch_sampler_cfg: dict | None = None,
        drop_last: bool = False,
    ) -> None:
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last
        self._sampler_cfg = sampler_cfg
        self._batch_sampler_cfg = batch_sampler_cfg
        self._batches = self._build(sampler)
        self._start: tuple[int, int] | None = None

    def start_at(self, batch: int, seed: int) -> None:
        """Let the next iterator leave out so many batches, with the seed of all processes."""
        self._start = (batch, seed)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[SampleIndex]]:
        # mmengine's loop asks for batches when it is built, before it is known where to start.
        if self._start is None:
            return
        first, seed = self._start
        rank, world_size = get_dist_info()
        for number, batch in islice(enumerate(self._endless(seed)), first, None):
            # As one process would count the samples that it hands to the others in turn.
            start = number * self.batch_size
            yield [
                SampleIndex.make(index, seed, (start + offset) * world_size + rank)
                for offset, index in enumerate(batch)
            ]

    def _build(self, sampler: Any) -> Any:
        if self._batch_sampler_cfg is None:
            return BatchSampler(sampler, self.batch_size, self.drop_last)
        defaults = dict(sampler=sampler, batch_size=self.batch_size)
        return DATA_SAMPLERS.build(self._batch_sampler_cfg, default_args=defaults)

    def _endless(self, seed: int) -> Iterator[list[int]]:
        sampler = DATA_SAMPLERS.build(
            self._sampler_cfg, default_args=dict(dataset=self.sampler.dataset, seed=seed)
        )
        batches = self._build(sampler)
        epoch = 0
        while True:
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(epoch)
            is_empty = True
            for batch in batches:
                is_empty = False
                yield batch
            if is_empty:
                raise ValueError(
                    f'train_dataloader: a data set of {len(self.sampler.dataset)} images gives no '
                    f'batch of {self.batch_size}: make batch_size smaller or drop_last False'
                )
            epoch += 1


def make_resumable(dataloader: dict) -> dict:
    """Return the config of a data loader of the same samples that can start at any batch."""
    cfg = deepcopy(dataloader)
    cfg['dataset'] = dict(type='mmengine.SeededDataset', dataset=cfg['dataset'])
    cfg['batch_sampler'] = dict(
        type='mmengine.ResumableBatchSampler',
        sampler_cfg=cfg['sampler'],
        batch_sampler_cfg=cfg.get('batch_sampler'),
        drop_last=cfg.pop('drop_last', False),
    )
    return cfg
