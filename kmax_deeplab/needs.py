"""What a process needs to be installed: torch and OpenMMLab, unless it only runs exported files."""

from collections.abc import Sequence

RUN_FILES = ('app', 'predict')
"""Subcommands that do without them where their model is an exported file."""

_only_engine = False


def note_command(name: str, argv: Sequence[str]) -> None:
    """Note that a subcommand needs no more than an engine, if its words name an exported file.

    To be called before ``projects.kmax`` is imported, which looks for what is missing.
    """
    global _only_engine
    _only_engine = name in RUN_FILES and any(word.lower().endswith('.onnx') for word in argv)


def needs_stack() -> bool:
    """Tell whether torch and OpenMMLab are needed."""
    return not _only_engine
