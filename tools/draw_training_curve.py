"""Draw the losses and the quality of a training over its iterations, or compare trainings."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import projects.kmax  # noqa: F401, E402, I001  (before anything of mmdet)
from projects.kmax.visualization.training_curve import (  # noqa: E402
    compare_trainings,
    draw_training_curve,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, nargs='+', help='work_dir of each training')
    parser.add_argument(
        '--out', type=Path, help='PNG (default: training_curve.png in the first work_dir)'
    )
    args = parser.parse_args()
    out_file = args.out or args.work_dir[0] / 'training_curve.png'
    try:
        if len(args.work_dir) == 1:
            draw_training_curve(args.work_dir[0], out_file)
        else:
            compare_trainings(args.work_dir, out_file)
    except OSError as error:
        parser.error(str(error))
    print(f'training curve in {out_file}')


if __name__ == '__main__':
    main()
