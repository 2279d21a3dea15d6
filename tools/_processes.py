"""Starts processes as ``python -m torch.distributed.run`` does, but leaves what failed to them.

torch prints a report and a traceback of its own, some forty lines, below what the process said that
failed. Only what a process cannot say itself is said here: that a signal ended it.
"""

import logging
import os
import signal
import sys
from argparse import Namespace

SIGNALS = 'SIGTERM,SIGINT,SIGHUP,SIGQUIT,SIGUSR1'
"""Handed on to the processes; SIGUSR1 is how schedulers warn of a job's end."""

SECONDS = '1800'
"""Time in which a process that was told to stop may end its iteration or validation, and save."""


LOOPBACK = ('127.0.0.1', 'localhost')


def prepare_restarts(args: Namespace) -> None:
    """Let processes that are started again meet in a store of their own.

    In that of the launcher they would find the addresses of those that ended
    (https://github.com/pytorch/pytorch/issues/135712), and a static rendezvous has no other.
    """
    os.environ.setdefault('TORCH_DISABLE_SHARE_RDZV_TCP_STORE', '1')
    if args.rdzv_backend == 'static' and not args.rdzv_endpoint:
        args.rdzv_backend = 'c10d'
        args.rdzv_endpoint = f'{args.master_addr}:{args.master_port}'
    if args.local_addr is None and args.rdzv_endpoint.partition(':')[0] in LOOPBACK:
        # Else by the machine's name, which it may not find itself by.
        args.local_addr = '127.0.0.1'


def main() -> int:
    """Start the processes that the command line describes and return their exit status."""
    # Torch is imported with this set; newer ones take an option.
    os.environ.setdefault('TORCHELASTIC_SIGNALS_TO_HANDLE', SIGNALS)
    os.environ.setdefault('TORCH_ELASTIC_SHUTDOWN_TIMEOUT', SECONDS)
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import parse_args, run

    args = parse_args(sys.argv[1:])
    if hasattr(args, 'signals_to_handle'):
        args.signals_to_handle = SIGNALS
    if args.max_restarts:
        prepare_restarts(args)
    # Those of failed processes, and of what their end does to others.
    logging.disable(logging.ERROR)
    try:
        run(args)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode >= 0:
            return failure.exitcode
        name = signal.Signals(-failure.exitcode).name
        hint = ': is there enough memory?' if name == 'SIGKILL' else ''
        print(f'dist_run.sh: error: process {rank} was ended by {name}{hint}', file=sys.stderr)
        return 128 - failure.exitcode
    except SignalException as error:
        return 128 + error.sigval
    except (OSError, RuntimeError, ValueError) as error:
        text = ' '.join(str(error).split())
        print(f'dist_run.sh: error: the processes cannot be started: {text}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
