"""The rows of a list of images, from CSV, TSV or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parnet_zoo.data.sources.problems import Problems
from parnet_zoo.data.sources.text_lines import LineError, text_lines

MOST_COLUMNS = 256
_NEEDED = ("path", "label")
_KNOWN = (*_NEEDED, "split")
_OTHER_DELIMITERS = ";\t|,"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One image as it is listed; white space around the texts is taken off.

    Attributes:
        line: Where it is, from 1.
        path: Not empty.
        label: Not empty.
        split: "" where nothing is said.
    """

    line: int
    path: str
    label: str
    split: str


def manifest_rows(path: Path, problems: Problems) -> Iterator[ManifestRow]:
    """Read a list as its suffix says, row by row.

    Args:
        path: `.csv`, `.tsv`, `.jsonl` or `.ndjson`.
        problems: Gets the mistakes. A row with one is not given; after one that leaves the rest of
            the file without meaning, nothing is given any more.

    Yields:
        The rows, in their order.

    Raises:
        DataError: The file cannot be read.
    """
    read = READERS[path.suffix.lower()]
    try:
        for line, found in read(path, problems):
            row = _row(line, found, problems)
            if row is not None:
                yield row
    except LineError as error:
        problems.add(error.line, str(error))


_Found = Iterator[tuple[int, dict[str, str]]]


def _csv(path: Path, problems: Problems) -> _Found:
    return _table(path, problems, ",")


def _tsv(path: Path, problems: Problems) -> _Found:
    return _table(path, problems, "\t")


def _table(path: Path, problems: Problems, delimiter: str) -> _Found:
    reader = csv.reader(text_lines(path), delimiter=delimiter, strict=True)
    columns: dict[str, int] | None = None
    width = 0
    try:
        for cells in reader:
            if not cells:
                continue
            if columns is None:
                columns, width = _columns(cells, reader.line_num, delimiter), len(cells)
            elif len(cells) != width:
                problems.add(
                    reader.line_num, f"{len(cells)} columns, where the first line has {width}"
                )
            else:
                yield reader.line_num, {name: cells[place] for name, place in columns.items()}
    except csv.Error as error:
        raise LineError(reader.line_num, f"this is no CSV: {error}") from error


def _columns(header: list[str], line: int, delimiter: str) -> dict[str, int]:
    """Where the columns are that mean something."""
    if len(header) > MOST_COLUMNS:
        raise LineError(line, f"{len(header)} columns; at most {MOST_COLUMNS} are read")
    names = [name.strip().lower() for name in header]
    for name in _KNOWN:
        if names.count(name) > 1:
            raise LineError(line, f"two columns are called {name}")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        what = "column" if len(missing) == 1 else "columns"
        raise LineError(
            line,
            f"there is no {what} {' and '.join(missing)}; the first line must name the columns path"
            f" and label, and may name split; it has {', '.join(header)[:200]}"
            f"{_delimiter_hint(header, delimiter)}",
        )
    return {name: names.index(name) for name in _KNOWN if name in names}


def _delimiter_hint(header: list[str], delimiter: str) -> str:
    used = [sign for sign in _OTHER_DELIMITERS if sign != delimiter and sign in header[0]]
    if len(header) > 1 or not used:
        return ""
    expected = "tabs (.tsv)" if delimiter == "\t" else "commas (.csv)"
    return f"; columns are separated by {expected}, not by {used[0]!r}"


def _json_lines(path: Path, problems: Problems) -> _Found:
    for line, text in enumerate(text_lines(path), start=1):
        if not text.strip():
            continue
        try:
            # Numbers stay as they are written: labels are texts.
            found = json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            problems.add(line, f"this is no JSON object: {_said(error)}")
            continue
        if not isinstance(found, dict):
            problems.add(line, 'this is no JSON object such as {"path": "a.jpg", "label": "cat"}')
            continue
        wrong = [name for name in _KNOWN if not isinstance(found.get(name, ""), str)]
        if wrong:
            problems.add(line, f"{wrong[0]} must be a text")
            continue
        yield line, {name: found[name] for name in _KNOWN if name in found}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is in it twice")
    return found


def _said(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "it is too deep" if isinstance(error, RecursionError) else str(error)


def _row(line: int, found: dict[str, str], problems: Problems) -> ManifestRow | None:
    texts = {name: found.get(name, "").strip() for name in _KNOWN}
    for name in _NEEDED:
        if not texts[name]:
            problems.add(line, f"no {name}" if name not in found else f"the {name} is empty")
            return None
    return ManifestRow(line, texts["path"], texts["label"], texts["split"])


READERS: dict[str, Callable[[Path, Problems], _Found]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}
"""By suffix."""
