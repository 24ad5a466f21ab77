"""Texts of users inside Markdown, as text and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from parnet_zoo.data.escaped import escaped

_CHARACTERS = 100
# Everything that begins something in CommonMark or GitHub's dialect, what makes addresses into
# links without being asked, and what would begin a list. A backslash makes each of them itself.
_MARKUP = re.compile(
    r"[\\`*_{}\[\]<>()#!|&~$@]|:(?=//)|(?<=www)\.|^[-+=]|(?<=^\d)[.)](?=\s)", re.IGNORECASE
)
# They turn the direction of the text around them.
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def markdown_text(text: object, characters: int = _CHARACTERS) -> str:
    """A text as it stands in the middle of a Markdown line or in the cell of a table.

    Args:
        text: Anything; line ends and control characters are shown as escapes.
        characters: What is longer is cut.
    """
    line = _DIRECTION.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped(text))
    if len(line) > characters:
        line = f"{line[: characters - 1]}…"
    line = _MARKUP.sub(lambda found: f"\\{found[0]}", line)
    return line.strip() or "nothing"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; the first column is text, the others are aligned to the right.

    Args:
        head: Column titles, Markdown.
        rows: Cells, Markdown.
    """
    rule = [":--", *["--:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def markdown_code(language: str, lines: Iterable[str]) -> list[str]:
    """The lines of a block of code, fenced with more backticks than are in it."""
    code = list(lines)
    longest = max((len(run) for line in code for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *code, fence]
