"""Draw the pictures of README and concepts: ``python docs/figures.py CONFIG CHECKPOINT``.

The model in them has six decoder layers, as the published ones; anyone can train it, at 0.6 s an
iteration on two CPU cores::

    kmax-deeplab shapes data/shapes
    python tools/train.py configs/kmax/kmax_nano_shapes-panoptic.py --work-dir work_dirs/six \
        --cfg-options "model.panoptic_head.transformer_decoder.num_layers=(2,2,2)"
    python docs/figures.py work_dirs/six/kmax_nano_shapes-panoptic.py work_dirs/six/iter_2000.pth

``docs/drawing`` draws them, from one checkpoint the same bytes again. A training on another machine
ends with other weights, and other masks may be left out. The other pictures are written by
commands, as the pages that show them say.
"""

import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

from drawing.canvas import Picture, write_picture  # noqa: E402
from drawing.decoder import build_head, draw_decoder  # noqa: E402
from drawing.kmeans import draw_kmeans  # noqa: E402
from drawing.layers import draw_centre, draw_tour  # noqa: E402
from drawing.losses import draw_losses  # noqa: E402
from drawing.merging import draw_merging  # noqa: E402
from drawing.study import Look, Study  # noqa: E402
from drawing.void import draw_void  # noqa: E402

from kmax_deeplab.cli import Parser  # noqa: E402
from kmax_deeplab.errors import report  # noqa: E402
from projects.kmax.commands.arguments import config_file, existing_file  # noqa: E402

PUBLISHED = 'configs/kmax/kmax_r50_8xb8-150k_coco-panoptic.py'
"""Whose numbers the diagram has."""

EXAMPLES = """
python docs/figures.py work_dirs/six/kmax_nano_shapes-panoptic.py work_dirs/six/iter_2000.pth
"""

FIGURES: dict[str, tuple[str, Callable[[Look], Picture]]] = {
    'tour.jpg': ('000031', draw_tour),
    'figures/kmeans.jpg': ('000022', partial(draw_kmeans, layer=4)),
    'figures/centre.jpg': ('000022', draw_centre),
    'figures/decoder.png': ('000022', lambda _: draw_decoder(build_head(DOCS.parent / PUBLISHED))),
    'figures/losses.jpg': ('000022', draw_losses),
    'figures/merging.jpg': ('000003', partial(draw_merging, thing_area_limit=300)),
    'figures/void.jpg': ('000022', draw_void),
}
"""Of each file the scene of the validation set, and what draws it."""


def main() -> None:
    """Draw as the command line says."""
    parser = Parser(description=__doc__, examples=EXAMPLES)
    parser.add_argument('config', type=config_file)
    parser.add_argument('checkpoint', type=existing_file)
    names = {Path(file).stem: file for file in FIGURES}
    parser.add_argument(
        '--only', nargs='+', choices=names, default=list(names), help='some of the figures'
    )
    parser.add_argument('--out', type=Path, default=DOCS, help='folder (default: docs)')
    args = parser.parse_args()
    look_at = cache(Study.open(args.config, args.checkpoint).look)
    for file in (names[name] for name in args.only):
        scene, draw = FIGURES[file]
        write_picture(args.out / file, draw(look_at(scene)))
        print(f'{args.out / file} is drawn')


if __name__ == '__main__':
    try:
        main()
    except Exception as error:
        raise SystemExit(report(error, Path(sys.argv[0]).name)) from None
