"""Pages of Markdown: their code blocks, commands, links and headings."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from kmax_deeplab.cli import COMMANDS
from kmax_deeplab.namespace import COMMAND

SHELL = ('bash', 'sh', 'shell', 'zsh', 'console')
OURS = re.compile(
    rf'({COMMAND}|python -m kmax_deeplab|({"|".join(COMMANDS)})(?= .*--)) |(python|bash) tools/'
)
"""What begins a command of ours within a text."""

PROGRAMS = re.compile(r'(kmax-deeplab|python|pip|bash|docker) ')
"""What begins a command in a block without a language."""

REDIRECTION = re.compile(r'\s\d?>>?\s*(&\d|[^\s;|]+)')
MARKDOWN = MarkdownIt('commonmark').enable('table')


@dataclass(frozen=True)
class Place:
    """Where something stands.

    Attributes:
        file: The page, relative to the clone.
        line: Counted from 1.
    """

    file: str
    line: int

    def __str__(self) -> str:
        return f'{self.file}:{self.line}'


@dataclass(frozen=True)
class Block:
    """A code block with its language, which may be empty."""

    place: Place
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
        place: Where it begins.
        words: It, without redirections and the comment after it.
        block: Where its block begins; None for one within a text, which may be a part only.
    """

    place: Place
    words: tuple[str, ...]
    block: Place | None = None

    def __str__(self) -> str:
        return shlex.join(self.words)


class Page:
    """A page of Markdown.

    Args:
        file: Where it is, relative to the clone.
        text: What it says.

    Attributes:
        blocks: Its code blocks.
        commands: Those of the blocks of a shell.
        spans: What stands as code within texts.
        links: The targets of links and pictures, of HTML too.
        anchors: What links to its headings are called, by GitHub's rules.
        faults: What is no Markdown, or no shell.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.blocks: list[Block] = []
        self.commands: list[Command] = []
        self.spans: list[tuple[Place, str]] = []
        self.links: list[tuple[Place, str]] = []
        self.anchors: set[str] = set()
        self.faults: list[str] = []
        self._headings: Counter[str] = Counter()
        lines = text.splitlines()
        tokens = MARKDOWN.parse(text)
        for before, token in zip([None, *tokens], tokens, strict=False):
            if token.map is None:
                continue
            place = Place(file, token.map[0] + 1)
            if token.type == 'fence':
                self._add_block(token, Place(file, place.line + 1))
                if not lines[token.map[1] - 1].strip(' >').startswith(token.markup):
                    self.faults.append(f'{place}: this code block has no end')
            elif token.type == 'code_block':
                self._add_block(token, place)
            elif token.type == 'html_block':
                self._read_html(token.content, place)
            elif token.type == 'inline':
                self._read(token, place)
                if before is not None and before.type == 'heading_open':
                    self._add_heading(token)

    def parts(self) -> Iterator[Command]:
        """Yield the commands of ours that stand within texts, which may be parts only."""
        for place, span in self.spans:
            if OURS.match(span):
                try:
                    yield Command(place, tuple(shlex.split(span)))
                except ValueError:  # A quotation mark of the text.
                    continue

    def _add_block(self, token: Token, place: Place) -> None:
        language = token.info.replace('{code-block}', '').strip().partition(' ')[0]
        block = Block(place, language, token.content.rstrip('\n'))
        self.blocks.append(block)
        if language in SHELL or (not language and PROGRAMS.match(token.content.lstrip())):
            self.commands += self._commands(block)

    def _read(self, token: Token, place: Place) -> None:
        for child in token.children or []:
            if child.type in ('softbreak', 'hardbreak'):
                place = Place(place.file, place.line + 1)
            elif child.type == 'code_inline':
                self.spans.append((place, child.content))
            elif child.type == 'html_inline':
                self._read_html(child.content, place)
            elif child.type == 'text' and (
                found := re.search(r'\[[^]]+\]\[[^]]*\]', child.content)
            ):
                self.faults.append(f'{place}: {found[0]} is a link to nothing')
            for name in ('href', 'src'):
                if name in child.attrs:
                    self.links.append((place, str(child.attrs[name])))

    def _read_html(self, text: str, place: Place) -> None:
        for number, line in enumerate(text.splitlines()):
            at = Place(place.file, place.line + number)
            self.links += [(at, target) for target in re.findall(r'(?:href|src)="([^"]+)"', line)]
            self.anchors.update(re.findall(r'(?:id|name)="([^"]+)"', line))

    def _add_heading(self, token: Token) -> None:
        text = ''.join(
            child.content for child in token.children or [] if child.type in ('text', 'code_inline')
        )
        slug = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
        number = self._headings[slug]
        self.anchors.add(f'{slug}-{number}' if number else slug)
        self._headings[slug] += 1

    def _commands(self, block: Block) -> Iterator[Command]:
        held, began = '', block.place.line
        for number, line in enumerate(block.text.splitlines(), start=block.place.line):
            if block.language == 'console' and not held:
                if not line.startswith('$ '):  # What a command prints.
                    continue
                line = line.removeprefix('$ ')
            if not held:
                began = number
            held += line
            if held.endswith('\\'):
                held = held[:-1] + ' '
                continue
            try:
                lexer = shlex.shlex(REDIRECTION.sub('', held), posix=True, punctuation_chars=';&|')
                lexer.whitespace_split = True
                lexer.commenters = '#'
                words = list(lexer)
            except ValueError:
                held += '\n'
                continue
            yield from _separate(words, Place(block.place.file, began), block.place)
            held = ''
        if held:
            place = Place(block.place.file, began)
            self.faults.append(f'{place}: quotes are not closed: {held.strip()}')


def _separate(words: list[str], place: Place, block: Place) -> Iterator[Command]:
    """Yield the commands of a line, without the variables that are set before them."""
    parts: list[list[str]] = [[]]
    for word in words:
        if word and set(word) <= set(';&|'):
            parts.append([])
        else:
            parts[-1].append(word)
    for part in parts:
        while part and re.match(r'\w+=', part[0]):
            part = part[1:]
        if part:
            yield Command(place, tuple(part), block)
