"""Puts the configs into the wheel, where OpenMMLab's packages keep theirs."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Copies ``configs/`` to ``projects/kmax/.mim/configs/``, unless the install is editable."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, 'projects', 'kmax', '.mim', 'configs')
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree('configs', target, ignore=shutil.ignore_patterns('__pycache__'))


setup(cmdclass={'build_py': BuildWithConfigs})
