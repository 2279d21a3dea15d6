"""The check of a config's settings with what kMaX reads of them."""

from collections.abc import Iterable

from mmengine.config import Config

from ..runtime.config_check import check_keys


def check_settings(
    cfg: Config, own_names: Iterable[str] = (), overrides: Iterable[str] = ()
) -> None:
    """Check the names of a config's settings; the arguments are those of ``check_keys``.

    Raises:
        KeyError: If a name is refused; tells it and what may have been meant.
    """
    check_keys(cfg, own_names, overrides)
