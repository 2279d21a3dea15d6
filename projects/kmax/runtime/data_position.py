"""How far a run has come in its data, for a resume by another number of processes."""

import logging
from typing import Any

from mmengine.dist import get_world_size
from mmengine.logging import print_log

KEY = 'kmax_data_position'
"""Entry of the message hub, which checkpoints hold: where the batches became as large as now."""


def start_data(runner: Any, iteration: int, batch_size: int) -> int:
    """Return the batch of each process that training begins with, and note it for checkpoints.

    A run that goes on as it was begins with the batch of its iteration. Batches of another size, as
    of another number of processes, begin after the images that were trained on, as far as they
    divide them: they leave out less than a batch.

    Args:
        runner: The runner, with what a checkpoint says of an earlier start.
        iteration: Iterations done.
        batch_size: Images of one process per iteration.
    """
    processes = get_world_size()
    now = dict(processes=processes, images=processes * batch_size)
    noted = runner.message_hub.get_info(KEY) if iteration else None
    before = noted or dict(now, iteration=0, batch=0)
    images = (before['batch'] + iteration - before['iteration']) * before['images']
    batch = -(-images // now['images'])
    if before['images'] != now['images']:
        print_log(
            f'training resumes with {now["images"]} images per iteration in {processes} processes, '
            f'after {before["images"]} in {before["processes"]}: iterations, optimiser and '
            'schedule go on as they are, and so do the data, after '
            f'{batch * now["images"]} images; train_dataloader.batch_size or --accumulate keep '
            'the size of a batch',
            logger='current',
            level=logging.WARNING,
        )
    runner.message_hub.update_info(KEY, dict(now, iteration=iteration, batch=batch))
    return batch
