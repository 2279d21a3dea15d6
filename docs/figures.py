"""Draw the pictures of README and concepts: ``python docs/figures.py CONFIG CHECKPOINT``.

The model in them has six decoder layers, as the published ones; anyone can train it in minutes::

    kmax-deeplab shapes data/shapes
    python tools/train.py configs/kmax/kmax_nano_shapes-panoptic.py --work-dir work_dirs/six \
        --cfg-options "model.panoptic_head.transformer_decoder.num_layers=(2,2,2)"
    python docs/figures.py work_dirs/six/kmax_nano_shapes-panoptic.py work_dirs/six/iter_2000.pth

``docs/drawing`` draws them. The other pictures are written by commands, as the pages that show
them say.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
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

SCENE = '000022'
"""Of the validation set; it has void and a crowd."""
PUBLISHED = 'configs/kmax/kmax_r50_8xb8-150k_coco-panoptic.py'
"""Whose numbers the diagram has."""

FIGURES: dict[str, Callable[[Look], Picture]] = {
    'tour.jpg': draw_tour,
    'figures/kmeans.jpg': partial(draw_kmeans, layer=4),
    'figures/centre.jpg': draw_centre,
    'figures/decoder.png': lambda _: draw_decoder(build_head(DOCS.parent / PUBLISHED)),
    'figures/losses.jpg': draw_losses,
    'figures/merging.jpg': partial(draw_merging, thing_area_limit=100),
    'figures/void.jpg': draw_void,
}


def main() -> None:
    """Draw as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    names = {Path(file).stem: file for file in FIGURES}
    parser.add_argument(
        '--only', nargs='+', choices=names, default=list(names), help='some of the figures'
    )
    parser.add_argument('--scene', default=SCENE, help='an image of the test set, by its name')
    parser.add_argument('--out', type=Path, default=DOCS, help='folder (default: docs)')
    args = parser.parse_args()
    look = Study.open(args.config, args.checkpoint).look(args.scene)
    for name in args.only:
        file = names[name]
        write_picture(args.out / file, FIGURES[file](look))
        print(f'{args.out / file} is drawn')


if __name__ == '__main__':
    main()
