"""The same picture more than once: within a class, under two labels, in two splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from parnet_zoo.data.check.finding import Finding, Severity
from parnet_zoo.data.check.look import Look
from parnet_zoo.data.check.near import near_duplicates
from parnet_zoo.data.check.sources import SourceFile


def duplicates(files: Sequence[SourceFile], looks: Sequence[Look]) -> Iterator[Finding]:
    """Find files with the same bytes, and images that look the same.

    A group in two splits is a leak, whatever else it is: what is tested has been trained on. That
    is an error where the bytes say so, and a warning where only the looks do: two photographs of
    one moment, or two plain drawings, may be meant. A group under two labels contradicts itself.
    Images of one colour are compared by their bytes only: there is nothing in them to tell them
    apart by.

    Args:
        files: The images.
        looks: One for each.

    Yields:
        One finding for each group, with its files in their order.
    """
    copies: dict[str, list[int]] = {}
    for number, look in enumerate(looks):
        if look.size > 0:  # all empty files are alike, and named as such
            copies.setdefault(look.sha256, []).append(number)
    for group in copies.values():
        if len(group) > 1:
            yield _finding([files[number] for number in group], "")
    # One of each set of copies stands for all of them.
    comparable = [
        group[0]
        for group in copies.values()
        if looks[group[0]].problem is None and not looks[group[0]].flat
    ]
    for alike in _alike([looks[number] for number in comparable]):
        contents = [copies[looks[comparable[place]].sha256] for place in alike]
        numbers = sorted(number for group in contents for number in group)
        yield _finding([files[number] for number in numbers], "near_")


def _alike(looks: Sequence[Look]) -> list[list[int]]:
    thumbs = [look.thumb for look in looks if look.thumb is not None]
    if not thumbs:
        return []
    hashes = np.asarray([look.hash for look in looks], dtype=np.uint64)
    return near_duplicates(hashes, np.stack(thumbs))


def _finding(group: Sequence[SourceFile], near: str) -> Finding:
    same = "look the same" if near else "are the same, byte for byte"
    splits = sorted({file.split for file in group})
    labels = sorted({file.label for file in group})
    kind, severity, where = _judged(splits, labels)
    paths = tuple(file.path for file in group)
    if near:
        severity = "warning"
    return Finding(f"{near}{kind}", severity, f"{len(group)} images {same}{where}", paths)


def _judged(splits: Sequence[str], labels: Sequence[str]) -> tuple[str, Severity, str]:
    if len(splits) > 1:
        labelled = f", as {' and '.join(labels)}" if len(labels) > 1 else ""
        return "leak", "error", f", in {' and in '.join(splits)}{labelled}"
    if len(labels) > 1:
        return "contradiction", "warning", f", labelled {' and '.join(labels)}"
    return "duplicate", "warning", ""
