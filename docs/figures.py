"""Draw the picture of the README and of the concepts: ``python docs/figures.py CONFIG CHECKPOINT``.

The model in it has six decoder layers, as the published ones; anyone can train it in minutes::

    kmax-deeplab shapes data/shapes
    python tools/train.py configs/kmax/kmax_nano_shapes-panoptic.py --work-dir work_dirs/six \
        --cfg-options "model.panoptic_head.transformer_decoder.num_layers=(2,2,2)"
    python docs/figures.py work_dirs/six/kmax_nano_shapes-panoptic.py work_dirs/six/iter_2000.pth

The other pictures are written by tools/draw_training_curve.py, tools/benchmark.py and
tools/benchmark_curves.py, as the pages that show them say.
"""

import argparse
import sys
from pathlib import Path

import cv2

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from kmax_deeplab.atomic_file import write_atomically  # noqa: E402
from kmax_deeplab.pictures.panels import Panel, compose_sheet, fit  # noqa: E402
from projects.kmax.apis import KMaXInferencer  # noqa: E402
from projects.kmax.visualization.cluster_panels import cluster_panels  # noqa: E402

SIDE = 360
"""Pixels of the longer side of each picture."""


def main() -> None:
    """Draw an image, its segments and what each decoder layer assigns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--image', default='data/shapes/val/000028.jpg')
    parser.add_argument('--out', type=Path, default=DOCS / 'tour.jpg')
    args = parser.parse_args()
    result = KMaXInferencer(args.config, args.checkpoint, 'cpu')(args.image)
    image = fit(result.image, SIDE)
    panels = [
        Panel(image, 'image'),
        Panel(fit(result.plot(), SIDE), 'segments', str(len(result.segments_info))),
        *cluster_panels(result.clusters, image),
    ]
    # Textures take four times the space as PNG.
    _, content = cv2.imencode('.jpg', compose_sheet(panels, columns=4)[..., ::-1])
    write_atomically(args.out, content.tobytes())
    print(f'{args.out} is drawn')


if __name__ == '__main__':
    main()
