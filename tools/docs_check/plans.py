"""Which documented commands are run, by which words, and why the others are not."""

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from .pages import Command
from .words import own_command

MODEL = 'work_dirs/quickstart/iter_2000.pth'
CONFIG = 'configs/kmax/kmax_nano_shapes-panoptic.py'

WEIGHTS = 'needs a download: released weights'
DATA = 'needs a download: official data'
NOT_RUN = (
    (r'(pip|pre-commit) ', 'installs packages'),
    (r'(bash tools/run_tests\.sh|python -m pytest)', 'runs the tests'),
    (r'python tools/check_docs\.py', 'runs all others'),
    (r'docker ', 'needs Docker'),
    (r'python -m cvat_cli ', 'needs a server: CVAT'),
    (r'srun |bash tools/slurm_|export .*SLURM|head -n1\)|.* /shared/', 'needs a cluster'),
    (r'.*\$i\b', 'needs several GPUs'),
    (r'(cd|export|for|done|wait|evaluate\(\)|evaluate_port\(\)|\})( |$)', "is the shell's own"),
    (r'(curl|evaluate|evaluate_port) ', WEIGHTS),
    (r'.*\$[12]\b', WEIGHTS),
    (r'.* (deeplab2|port) ', WEIGHTS),
    (r'.*=BACKBONE\.pth', WEIGHTS),
    (r'.* data/(coco|cityscapes|ADEChallengeData2016)\b', DATA),
    (r'csCreateTrainIdLabelImgs', DATA),
)
"""Beginnings of commands that are not run, and the reason."""

STAND_INS = {
    'CONFIG': CONFIG,
    '$CONFIG': CONFIG,
    'configs/kmax/CONFIG.py': CONFIG,
    'CHECKPOINT': MODEL,
    'CKPT': MODEL,
    'ANOTHER': MODEL,
    'IMAGES': 'photos',
    'OUT': 'out',
    'OUT.json': 'out.json',
    'DIR': 'report',
    'DIR_A': 'report',
    'DIR_B': 'report_onnx',
    'work_dirs/A': 'work_dirs/quickstart',
    'work_dirs/B': 'work_dirs/quickstart',
    'WORK_DIR_A': 'work_dirs/quickstart',
    'WORK_DIR_B': 'work_dirs/quickstart',
    'FILE': 'file.png',
    'FILE.png': 'file.png',
    'FILE.html': 'file.html',
    'work_dirs/mine/iter_N.pth': 'work_dirs/mine/iter_2.pth',
    '...': None,
}
"""What stands for words that a reader replaces by their own; None for nothing."""

ITERATIONS = (
    'train_cfg.max_iters=2',
    'train_cfg.val_interval=2',
    'default_hooks.logger.interval=1',
)
SHORTER = {
    'train': ('--cfg-options', *ITERATIONS),
    'shapes': ('--train', '16', '--val', '4'),
    'benchmark': ('--runs', '1'),
    'benchmarks.curves': ('--runs', '1', '--series', 'queries'),
    'tools/quickstart.sh': ('--cfg-options', *ITERATIONS),
    'app': ('--port', '17860'),
}
"""What is added to commands that take minutes otherwise, and to one for a port of its own."""

MAKERS = ('import', 'init', 'export')
"""Commands whose last word before the options is what they make, and refuse to make again."""

NEEDS = {'app': 'gradio', 'preannotate': 'label_studio_sdk', 'export': 'onnxscript'}
"""Packages that commands need beyond the requirements."""

NEEDS_OF_WORDS = {
    'openvino': 'openvino',
    'model.onnx': 'onnxruntime',
    'integrations.cvat': 'cvat_sdk',
}
"""Packages that what stands in their words needs."""

PROGRAMS = ('kmax-deeplab', 'python', 'bash')
"""Those that are there where commands are run."""

OFFICIAL = re.compile(r'(configs/kmax/)?kmax_\S*_(coco|cityscapes|ade20k)-\S*')
"""Configs of data that are downloaded."""


@dataclass(frozen=True)
class Plan:
    """What becomes of a command.

    Attributes:
        command: As it is documented.
        words: By which it is run, if it is.
        reason: Why it is not run.
        made: What it makes, and refuses to make where it is.
        serves: Whether it goes on until it is stopped.
    """

    command: Command
    words: tuple[str, ...] = ()
    reason: str | None = None
    made: str | None = None
    serves: bool = False


def plan(command: Command) -> Plan:
    """Decide what becomes of a command.

    A command that is neither one of ours nor known not to be run gets no words and no reason.
    """
    line = ' '.join(command.words)
    for pattern, reason in NOT_RUN:
        if re.match(pattern, line):
            return Plan(command, reason=reason)
    name, rest = own_command(command.words)
    if name is None and (len(command.words) < 2 or command.words[0] not in PROGRAMS):
        return Plan(command)
    if name not in ('cost', 'models') and any(map(OFFICIAL.fullmatch, command.words)):
        return Plan(command, reason=DATA)
    packages = [package for text, package in NEEDS_OF_WORDS.items() if text in line]
    for package in [*packages, *([NEEDS[name]] if name in NEEDS else [])]:
        if not importlib.util.find_spec(package):
            return Plan(command, reason=f'needs a package: {package}')
    made = None
    if name in MAKERS:
        *_, made = takewhile(lambda word: not word.startswith('-'), rest)
        made = f'{made}.py' if name == 'init' else made
    return Plan(command, tuple(_as_run(command.words, name)), None, made, serves=name == 'app')


def _as_run(words: tuple[str, ...], name: str | None) -> Iterator[str]:
    script = words[1] if words[0] == 'bash' else ''
    # Processes of that many GPUs would wait for each other on fewer cores.
    processes = {'8': '2'} if script.startswith('tools/dist_') else {}
    for word in words:
        stand_in = (STAND_INS | processes).get(word, word)
        if stand_in is not None:
            yield stand_in
    yield from SHORTER.get(name or script, ())
