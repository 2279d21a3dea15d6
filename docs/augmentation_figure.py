"""Draw the sheet of docs/augmentation.md: ``python docs/augmentation_figure.py``.

One drawn scene as the pipelines of the configs make it, ten times, with the outlines of its
segments as they come out. Scenes are drawn for the occasion; nothing is trained. With ``--config
CONFIG --out sheet.jpg`` it is an image of that config's training data, by its own pipeline.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

import projects.kmax  # noqa: E402, F401, I001  (before anything of mmdet)
from kmax_deeplab.atomic_file import write_atomically  # noqa: E402
from kmax_deeplab.cli import Parser  # noqa: E402
from kmax_deeplab.config_parts import original_train, own_train, panoptic_files  # noqa: E402
from kmax_deeplab.errors import report  # noqa: E402
from kmax_deeplab.pictures.drawing import CONTOUR, find_contours  # noqa: E402
from kmax_deeplab.pictures.panels import Panel, compose_sheet, fit  # noqa: E402
from mmengine.dataset import Compose  # noqa: E402
from mmengine.registry import DATASETS, init_default_scope  # noqa: E402
from projects.kmax.commands import shapes  # noqa: E402
from projects.kmax.commands.arguments import check_output, config_file  # noqa: E402
from projects.kmax.commands.config_file import read_config_file, require  # noqa: E402
from projects.kmax.datasets import KMaXPanopticDataset  # noqa: E402
from projects.kmax.runtime.random_state import seed_sample  # noqa: E402

SCENE = (512, 384)
"""Width and height of the scenes."""

CROP = (385, 513)
SIDE = 196
"""Pixels of the longer side of each picture."""

RECIPES = {
    'own_train': own_train(CROP),
    'original_train': original_train(CROP),
}
DRAWS = 5
QUALITY = 80
PLAIN = [dict(type=name) for name in ('LoadImageFromFile', 'LoadPanopticIds', 'PackKMaXInputs')]


EXAMPLES = """
python docs/augmentation_figure.py --config mine.py --image 7 --out sheet.jpg
"""


def main() -> None:
    """Draw an image, its segments, and what one or two pipelines make of it."""
    parser = Parser(description=(__doc__ or '').splitlines()[0], examples=EXAMPLES)
    parser.add_argument('--out', type=Path, default=DOCS / 'augmentation.jpg')
    parser.add_argument(
        '--config', type=config_file, help='whose training data to draw, instead of a scene'
    )
    parser.add_argument('--image', type=int, default=0, help='which image of the training data')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    check_output(parser, '--out', args.out)
    init_default_scope('mmdet')
    if args.config is None:
        with tempfile.TemporaryDirectory() as folder:
            size = (str(side) for side in SCENE)
            words = ('--train', '6', '--val', '0', '--workers', '1', '--size', *size)
            shapes.main([folder, *words])
            files = panoptic_files('panoptic_train', 'train/')
            data = KMaXPanopticDataset(data_root=folder, pipeline=[], **files)
            panels = list(_panels(data, args.image, RECIPES, DRAWS, args.seed))
    else:
        cfg = read_config_file(args.config)
        require(cfg, 'train_dataloader')
        settings = cfg.train_dataloader.dataset
        recipes = {'augmented': settings.pop('pipeline')}
        data = DATASETS.build(dict(settings, pipeline=[]))
        if not 0 <= args.image < len(data):
            parser.error(f'--image must be below {len(data)}, got {args.image}')
        panels = list(_panels(data, args.image, recipes, 2 * DRAWS, args.seed))
    sheet = compose_sheet(panels, columns=4)
    # Textures take four times the space as PNG.
    _, content = cv2.imencode('.jpg', sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    write_atomically(args.out, content.tobytes())
    print(f'{args.out} is drawn')


def _panels(
    data: Any, index: int, recipes: dict[str, list], draws: int, seed: int
) -> Iterator[Panel]:
    image, ids = _sample(data, index, PLAIN)
    shown = [Panel(image, 'image'), Panel(_outlined(image, ids), 'segments')]
    for name, pipeline in recipes.items():
        for number in range(draws):
            seed_sample(seed, number)
            drawn = _outlined(*_sample(data, index, pipeline))
            shown.append(Panel(drawn, name, str(number + 1)))
    height, width = (max(panel.image.shape[axis] for panel in shown) for axis in (0, 1))
    for panel in shown:
        yield Panel(_framed(panel.image, height, width), panel.title, panel.detail)


def _sample(data: Any, index: int, pipeline: list) -> tuple[np.ndarray, np.ndarray]:
    """Return an image as RGB, and its map of ids, as a pipeline makes them."""
    sample = data.run_pipeline(Compose(pipeline), index)
    if sample is None:
        raise ValueError('the pipeline has dropped this image: give another --image')
    pixels = sample['inputs'].numpy().transpose(1, 2, 0)[..., ::-1]
    ids = sample['data_samples'].gt_panoptic_seg.ids[0].numpy()
    return np.ascontiguousarray(np.clip(pixels, 0, 255).astype(np.uint8)), ids


def _outlined(image: np.ndarray, ids: np.ndarray) -> np.ndarray:
    drawn = image.copy()
    drawn[find_contours(ids, max(1, round(max(image.shape) / SIDE)))] = CONTOUR
    return drawn


def _framed(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return an image in the corner of a white frame, as all panels have one size."""
    frame = np.full((height, width, 3), 255, np.uint8)
    frame[: image.shape[0], : image.shape[1]] = image
    return fit(frame, SIDE)


if __name__ == '__main__':
    try:
        main()
    except Exception as error:
        raise SystemExit(report(error, Path(sys.argv[0]).name)) from None
