"""Draw image, ground truth, prediction and k-means clustering of images of a config's test set."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import projects.kmax  # noqa: F401, E402, I001  (before anything of mmdet)
from mmdet.apis import init_detector  # noqa: E402
from mmengine.config import DictAction  # noqa: E402
from mmengine.device import get_device  # noqa: E402
from projects.kmax.engine.weights import check_weights, read_weights  # noqa: E402
from projects.kmax.visualization.comparison import write_comparisons  # noqa: E402


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file of the model')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('out_dir', help='folder for the pictures')
    parser.add_argument('--num', type=int, default=12, help='number of images (default: 12)')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings of the config'
    )
    parser.add_argument('--device', default=get_device(), help='default: a GPU where there is one')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    weights = read_weights(args.checkpoint)
    model = init_detector(
        args.config, args.checkpoint, device=args.device, cfg_options=args.cfg_options or {}
    )
    check_weights(model, weights, args.checkpoint)
    files = write_comparisons(model, args.out_dir, args.num)
    print(f'\n{len(files)} pictures in {args.out_dir}')


if __name__ == '__main__':
    main()
