"""Gather what tools/quickstart.sh measured in results.json and say where everything is."""

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kmax_deeplab.atomic_file import write_atomically

from ..package_versions import find_versions
from .arguments import make_parser

KINDS = {'all': '', 'things': '_th', 'stuff': '_st'}

EXAMPLES = 'kmax-deeplab summarize work_dirs/quickstart'


def read_stages(work_dir: Path) -> list[dict[str, Any]]:
    """Return name, seconds and command of each stage, as the script noted them."""
    with (work_dir / 'stages.tsv').open() as file:
        rows = csv.reader(file, delimiter='\t', quoting=csv.QUOTE_NONE)
        try:
            return [dict(name=row[0], seconds=int(row[1]), command=row[2]) for row in rows]
        except ValueError as error:
            raise ValueError(f'line {rows.line_num} of {file.name}: {error}') from error


def read_metrics(work_dir: Path) -> dict[str, Any]:
    """Return what the latest run of tools/test.py below ``work_dir`` measured."""
    from ..panoptic.json_files import read_json

    files = sorted(work_dir.glob('test/*/*.json'))
    if not files:
        raise FileNotFoundError(f'no metrics in {work_dir}/test/*/*.json: run tools/test.py first')
    metrics = read_json(files[-1], str(files[-1]))
    if not isinstance(metrics, dict):
        raise ValueError(f'{files[-1]} holds no metrics by name')
    return {key.rpartition('/')[2]: value for key, value in metrics.items()}


def find_device() -> str:
    """Return the GPU that mmengine uses, or the number of CPU cores."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'CPU, {os.cpu_count()} cores'


def summarize(work_dir: Path) -> dict[str, Any]:
    """Return the figures of a run and what is needed to repeat it."""
    from mmengine.runner import CheckpointLoader

    checkpoint = Path((work_dir / 'last_checkpoint').read_text().strip())
    saved = CheckpointLoader.load_checkpoint(str(checkpoint), map_location='cpu')
    metrics = read_metrics(work_dir)
    stages = read_stages(work_dir)
    return dict(
        **{
            kind: {quality: metrics[quality + suffix] for quality in ('PQ', 'SQ', 'RQ')}
            for kind, suffix in KINDS.items()
        },
        metrics=metrics,
        iterations=saved['meta']['iter'],
        seed=saved['meta']['seed'],
        seconds={stage['name']: stage['seconds'] for stage in stages},
        total_seconds=sum(stage['seconds'] for stage in stages),
        commands=[stage['command'] for stage in stages],
        checkpoint=str(checkpoint),
        device=find_device(),
        versions=find_versions(),
    )


def report(work_dir: Path, results: dict[str, Any]) -> str:
    """Return the figures and the places of all files, to be read on a terminal."""
    lines = ['', f'{"":8}{"PQ":>8}{"SQ":>8}{"RQ":>8}']
    for kind in KINDS:
        lines.append(f'{kind:8}' + ''.join(f'{value:8.2f}' for value in results[kind].values()))
    minutes, seconds = divmod(results['total_seconds'], 60)
    lines += [
        '',
        f'{results["iterations"]} iterations, {minutes} min {seconds} s in all',
        f'device          {results["device"]}',
        f'figures         {work_dir / "results.json"}',
        f'pictures        {work_dir / "pictures"}',
        f'training curve  {work_dir / "training_curve.png"}',
        f'weights         {results["checkpoint"]}',
    ]
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Write results.json and print where everything is."""
    parser = make_parser(__doc__, prog, EXAMPLES)
    parser.add_argument('work_dir', type=Path, help='folder of the run')
    work_dir = parser.parse_args(argv).work_dir
    if not (work_dir / 'last_checkpoint').is_file():
        parser.error(f'{work_dir} is not the folder of a training: it holds no last_checkpoint')
    try:
        results = summarize(work_dir)
    except (LookupError, TypeError) as error:
        raise ValueError(
            f'{work_dir} holds other figures than tools/quickstart.sh writes, or half of them '
            f'({type(error).__name__}: {str(error).partition(chr(10))[0]}); run it again'
        ) from error
    text = json.dumps(results, indent=2) + '\n'
    write_atomically(work_dir / 'results.json', text.encode())
    print(report(work_dir, results))
