"""Models of the configs, without memory or values."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
from functools import cache

import pytest
from mmengine.registry import init_default_scope
from published import build


@pytest.fixture(scope='session')
def on_meta():
    """Return a function from a config's name to the config and its model on the meta device."""
    build_once = cache(build)

    def in_scope(name):
        config, model = build_once(name)
        # What was built before may have set another.
        init_default_scope(config.default_scope)
        return config, model

    return in_scope
