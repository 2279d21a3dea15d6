"""The site: ``python -m sphinx -W -b html docs docs/_build/html``.

Pages are Markdown with relative links, so that they read the same in the repository. What lies
outside this folder and has a page here is linked to as the file it is, and led to its page below.
"""

import os
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import toctree
from sphinx.application import Sphinx

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / '_ext')]

import kmax_deeplab  # noqa: E402
import projects.kmax  # noqa: E402, F401

project = 'kMaX-DeepLab'
release = kmax_deeplab.__version__

extensions = [
    'commands',
    'myst_nb',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
]
exclude_patterns = ['_build']

html_theme = 'furo'
html_title = f'kMaX-DeepLab {release}'
html_show_copyright = False
html_css_files = ['narrow_screens.css']
html_static_path = ['_static']

myst_heading_anchors = 4
# The notebook has the outputs of a run of its own.
nb_execution_mode = 'off'
# Shell prompts, of which the pages have none, would otherwise be guessed at.
copybutton_exclude = '.linenos, .gp'

autodoc_member_order = 'bysource'
autodoc_default_options = {'special-members': '__call__'}
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
# A command line writes `N` and `--option` in docstrings; they are code, as double backticks are.
default_role = 'code'

# Files outside this folder whose place a page here takes.
PAGE_OF_FILE = {
    'CHANGELOG.md': 'changelog',
    'CODE_OF_CONDUCT.md': 'code_of_conduct',
    'CONTRIBUTING.md': 'contributing',
    'SECURITY.md': 'security',
    'projects/kmax/README.md': 'model_zoo',
    'README.md': 'index',
}
FILE_OF_PAGE = {page: file for file, page in PAGE_OF_FILE.items() if page != 'index'}
RELATIVE_LINK = re.compile(r'\]\((?!https?:|#)([^)#\s]+)')


def prepare(app: Sphinx, docname: str, source: list[str]) -> None:
    """Puts a file in the place of its page, and leads links to such files to their pages."""
    folder = (DOCS / docname).parent
    text = relink(source[0], folder, folder)
    if docname in FILE_OF_PAGE:
        text = read(app, FILE_OF_PAGE[docname], folder)
    elif docname == 'index':
        # The site begins as the README does; how to install has a page.
        lead, _, _ = read(app, 'README.md', folder).partition('\n## Install')
        text = lead.replace('(#install)', '(get_started.md#install)') + text[text.index('\n## ') :]
    source[0] = text


def read(app: Sphinx, name: str, folder: Path) -> str:
    """Reads a file outside of this folder for a page in a folder."""
    app.env.note_dependency(str(ROOT / name))
    return relink((ROOT / name).read_text(), (ROOT / name).parent, folder)


def relink(text: str, origin: Path, folder: Path) -> str:
    """Leads links of a text from one folder to what they mean from another."""

    def lead(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(origin / match[1]))
        name = str(target.relative_to(ROOT)) if target.is_relative_to(ROOT) else ''
        if name in PAGE_OF_FILE:
            target = DOCS / f'{PAGE_OF_FILE[name]}.md'
        return f']({os.path.relpath(target, folder)}'

    return RELATIVE_LINK.sub(lead, text)


def write_llms(app: Sphinx, exception: Exception | None) -> None:
    """Write ``llms.txt``: each page with its first sentence, by the captions of the index."""
    if exception is not None or app.builder.name != 'html':
        return
    lines = [f'# {project} {release}', '']
    for tree in app.env.get_doctree('index').findall(toctree):
        lines += ['', f'## {tree["caption"]}', '']
        for title, page in tree['entries']:
            found = app.env.get_doctree(page).findall(nodes.paragraph)
            first = next(text for text in found if isinstance(text.parent, nodes.section))
            # After a word, so not after the number of a step.
            sentence = re.split(r'(?<=[a-z)][.?])\s', ' '.join(first.astext().split()))[0]
            lines.append(f'- [{title or app.env.titles[page].astext()}]({page}.html): {sentence}')
    Path(app.outdir, 'llms.txt').write_text('\n'.join(lines) + '\n')


def setup(app: Sphinx) -> None:
    app.connect('source-read', prepare)
    app.connect('build-finished', write_llms)
