"""Try a model out in the browser: upload images, step through clusters, compare checkpoints."""

import errno
import os
import socket
import sys
import tempfile
import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import (
    add_any_device,
    add_engine,
    add_model,
    check_engine,
    check_least,
    existing_file,
    is_exported,
    load_exported,
    locate,
    make_parser,
)
from .stopping import cleaning_up

if TYPE_CHECKING:
    from ..app.visits import Model

EXAMPLES = """
kmax-deeplab app                                     # the model of the quickstart
kmax-deeplab app --model kmax_r50_coco --port 8000
kmax-deeplab app --model model.onnx                  # without torch
"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> Namespace:
    """Parse the command line."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    add_model(parser, exported=True)
    add_engine(parser)
    add_any_device(parser)
    parser.add_argument(
        '--compare-model',
        metavar='NAME|CONFIG|ONNX',
        help='another model (default: the same config)',
    )
    parser.add_argument(
        '--compare-weights', type=existing_file, metavar='FILE', help='another checkpoint'
    )
    parser.add_argument(
        '--host', default='127.0.0.1', help='address to listen at (default: this machine only)'
    )
    parser.add_argument('--port', type=_port, default=7860, help='default: 7860')
    parser.add_argument(
        '--max-megapixels', type=int, default=50, help='largest image (default: 50)'
    )
    parser.add_argument(
        '--max-upload', type=int, default=50, metavar='MB', help='largest file (default: 50)'
    )
    parser.add_argument(
        '--queue', type=int, default=16, metavar='N', help='most that may wait (default: 16)'
    )
    args = parser.parse_args(argv)
    check_least(parser, args, max_megapixels=1, max_upload=1, queue=1)
    _check_models(parser, args)
    return args


def _check_models(parser: ArgumentParser, args: Namespace) -> None:
    other = args.compare_model or args.model
    if args.compare_weights is not None and is_exported(other):
        parser.error(
            f'--compare-weights is for networks, and not for the exported file {other}: name its '
            'config by --compare-model'
        )
    if is_exported(args.model):
        check_engine(parser, args, args.model, 'weights', 'mirror')
    else:
        check_engine(parser, args, args.compare_model)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Serve the page until Ctrl-C or SIGTERM."""
    args = parse_args(argv, prog)
    if find_spec('gradio') is None:
        raise ModuleNotFoundError("the page needs gradio: pip install 'kmax-deeplab[app]'")
    _check_address(args.host, args.port)
    # Uploads are gone when the program ends. Read by Gradio.
    with cleaning_up(), tempfile.TemporaryDirectory(prefix='kmax-app-') as folder:
        os.environ['GRADIO_TEMP_DIR'] = folder
        models = _load_models(args)
        from ..app.page import Page, launch
        from ..app.uploads import Limits

        page = Page(models, Limits(args.max_megapixels, args.max_upload))
        blocks = launch(page, args.host, args.port, args.queue)
        try:
            _say_where(args.host, args.port)
            threading.Event().wait()
        finally:
            blocks.close(verbose=False)


def _load_models(args: Namespace) -> dict[str, 'Model']:
    first = (args.model, '') if is_exported(args.model) else locate(args)
    places = [first]
    other = args.compare_model or first[0]
    if is_exported(args.compare_model):
        places.append((other, ''))
    elif args.compare_model or args.compare_weights:
        # It reads configs, by what exported files do without.
        from ..released.locating import locate_model

        places.append(locate_model(other, args.compare_weights, args.mirror))
    return {
        name: _load(args, *place) for name, place in zip(_distinct(places), places, strict=True)
    }


def _load(args: Namespace, model: str, weights: str) -> 'Model':
    if is_exported(model):
        return load_exported(args, model)
    from ..missing_packages import refuse_missing_packages

    # Beside an exported file they were not looked for.
    refuse_missing_packages()
    from ..apis import KMaXInferencer

    # Beside an exported file, whose engine knows other devices, it was not looked for.
    return KMaXInferencer(model, weights, None if args.device == 'auto' else args.device)


def _distinct(places: Sequence[Sequence[str]]) -> list[str]:
    """Name models by their configs; where those are the same, by their checkpoints too."""
    names = [Path(config).stem for config, _ in places]
    if len(set(names)) < len(names):
        names = [f'{Path(config).stem}, {Path(weights).stem}' for config, weights in places]
    if len(set(names)) < len(names):
        names = [f'{config}, {weights}' for config, weights in places]
    if len(set(names)) < len(names):
        raise ValueError('--compare-model and --compare-weights name the model that --model does')
    return names


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ArgumentTypeError(f'{text} is no port: give 1 to 65535')
    return int(text)


def _check_address(host: str, port: int) -> None:
    """Raise an OSError if nothing can listen there, before models are loaded for it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise OSError(f'port {port} of {host} is in use: give another by --port') from error
        reason = error.strerror or str(error)
        raise OSError(f'--host {host}, --port {port}: cannot listen there: {reason}') from error


def _say_where(host: str, port: int) -> None:
    print(f'the page is at http://{host}:{port}; Ctrl-C ends it', flush=True)
    if not _is_loopback(host):
        print(
            f'warning: whoever reaches port {port} of this machine can use the page, without a '
            'password',
            file=sys.stderr,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'
