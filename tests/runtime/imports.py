"""What a file of the package imports, read without running it."""

import ast
from importlib.util import resolve_name
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def imported_modules(path):
    """Return the modules in the import statements of a file, and what it takes from them."""
    package = '.'.join(path.relative_to(ROOT).parent.parts)
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name('.' * node.level + (node.module or ''), package)
            modules |= {f'{module}.{alias.name}' for alias in node.names}
    return modules
