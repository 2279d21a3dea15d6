"""Pages of Markdown: their code blocks, commands, links and headings."""

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

SHELL = ('bash', 'sh')
FENCE = re.compile(r'\s*(`{3,})\s*([\w-]*)')
LINK = re.compile(r'\[[^\]]*\]\(([^)\s]+)\)')
PROGRAMS = re.compile(r' {4}(kmax-deeplab|python|pip|bash|docker) ')
"""What begins a command in an indented block, which has no language."""


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
    """A command: its words, without the comment after it, and where its block begins."""

    place: Place
    words: tuple[str, ...]
    block: Place

    def __str__(self) -> str:
        return shlex.join(self.words)


class Page:
    """A page of Markdown.

    Args:
        file: Where it is, relative to the clone.
        text: What it says.
    """

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.blocks: list[Block] = []
        self.prose: list[tuple[Place, str]] = []
        opened: tuple[str, str, int] | None = None
        held: list[str] = []
        for number, line in enumerate(text.splitlines(), start=1):
            fence = FENCE.match(line)
            if opened is None and fence:
                opened, held = (fence[1], fence[2], number + 1), []
            elif opened is not None and line.strip() == opened[0]:
                self.blocks.append(Block(Place(file, opened[2]), opened[1], '\n'.join(held)))
                opened = None
            elif opened is not None:
                held.append(line)
            elif PROGRAMS.match(line) or (self.blocks and self._goes_on(line, number)):
                self._indent(line, number)
            else:
                self.prose.append((Place(file, number), line))
        self.unclosed = None if opened is None else Place(file, opened[2] - 1)

    def commands(self) -> Iterator[Command]:
        """Yield the commands of the blocks of a shell.

        Raises:
            ValueError: If quotes of one are not closed; names the place.
        """
        for block in self.blocks:
            if block.language in SHELL:
                yield from _commands(block)

    def links(self) -> Iterator[tuple[Place, str]]:
        """Yield the targets of links and pictures."""
        for place, line in self.prose:
            for target in LINK.findall(re.sub(r'`[^`]*`', '', line)):
                yield place, target

    def anchors(self) -> set[str]:
        """Return what links to headings are called, by GitHub's rules."""
        seen: Counter[str] = Counter()
        found = set()
        for _, line in self.prose:
            if heading := re.match(r'#+ (.+)', line):
                text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading[1]).replace('`', '')
                slug = re.sub(r'[^\w\- ]', '', text.lower()).replace(' ', '-')
                found.add(f'{slug}-{seen[slug]}' if seen[slug] else slug)
                seen[slug] += 1
        return found

    def _goes_on(self, line: str, number: int) -> bool:
        last = self.blocks[-1]
        ends = last.place.line + last.text.count('\n') + 1
        return ends == number and last.text.endswith('\\') and line.startswith('    ')

    def _indent(self, line: str, number: int) -> None:
        last = self.blocks[-1] if self.blocks else None
        if last is not None and self._goes_on(line, number):
            self.blocks[-1] = Block(last.place, last.language, f'{last.text}\n{line.strip()}')
        else:
            self.blocks.append(Block(Place(self.file, number), 'bash', line.strip()))


def _commands(block: Block) -> Iterator[Command]:
    held, began = '', block.place.line
    for number, line in enumerate(block.text.splitlines(), start=block.place.line):
        if not held:
            began = number
        held += line
        if held.endswith('\\'):
            held = held[:-1] + ' '
            continue
        try:
            lexer = shlex.shlex(held, posix=True, punctuation_chars=';&|')
            lexer.whitespace_split = lexer.commenters = True  # type: ignore[assignment]
            lexer.commenters = '#'
            words = list(lexer)
        except ValueError:
            held += '\n'
            continue
        yield from _separate(words, Place(block.place.file, began), block.place)
        held = ''
    if held:
        raise ValueError(f'{block.place.file}:{began}: quotes are not closed: {held.strip()}')


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
