"""Puts configs, tools and the model index into the wheel, where OpenMMLab's ``mim`` looks."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

MIM = Path('kmax_deeplab', '.mim')
FOLDERS = ('configs', 'tools')
FILES = ('model-index.yml', 'projects/kmax/metafile.yml', 'projects/kmax/README.md')
# What needs a clone: its own environment, benchmarks, pages.
LEFT_OUT = shutil.ignore_patterns('__pycache__', '*.sh', 'benchmark*', '*docs*')


class BuildWithMim(build_py):
    """Copies to ``kmax_deeplab/.mim/``, unless the install is editable."""

    def run(self) -> None:
        if not self.editable_mode:
            # What an earlier build left may be gone from the sources.
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / MIM
        shutil.rmtree(target, ignore_errors=True)
        for name in FOLDERS:
            shutil.copytree(name, target / name, ignore=LEFT_OUT)
        for name in FILES:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(name, target / name)


setup(cmdclass={'build_py': BuildWithMim})
