"""Layers that Keras named by counting them."""

from __future__ import annotations

import re
from collections.abc import Iterable

MOST_MISSING = 1000


class CountedLayers:
    """The layers of one kind, named `conv2d`, `conv2d_1`, `conv2d_2`, ...

    The numbers are the order of creation. They go on where an earlier network of the same process
    ended, so that the first can be any. The name without a number comes first.

    Args:
        kind: `conv2d`.
        names: Of the layers of a file, of all kinds.

    Attributes:
        ranked: Those of this kind, in their order.
    """

    def __init__(self, kind: str, names: Iterable[str]) -> None:
        self._kind = kind
        pattern = re.compile(rf"{kind}(?:_([0-9]{{1,9}}))?")
        matches = [match for name in sorted(names) if (match := pattern.fullmatch(name))]
        self._by_number = {int(match[1] or 0): match[0] for match in matches}
        self.ranked = [self._by_number[number] for number in sorted(self._by_number)]

    @property
    def counted(self) -> list[str]:
        """Those from the first to the last number, also the ones that are missing between them."""
        if not self._by_number:
            return []
        first, last = min(self._by_number), max(self._by_number)
        if last - first > len(self._by_number) + MOST_MISSING:  # not for millions of names
            return self.ranked
        return [self._name(number) for number in range(first, last + 1)]

    def names(self, count: int) -> list[str]:
        """The first `count`; where there are fewer, also the names of those that are missing."""
        if len(self.ranked) >= count:
            return self.ranked[:count]
        known = self.counted[:count]
        after = max(self._by_number, default=-1) + 1
        return [*known, *map(self._name, range(after, after + count - len(known)))]

    def _name(self, number: int) -> str:
        """Of the layer that there is, or would be."""
        plain = f"{self._kind}_{number}" if number else self._kind
        return self._by_number.get(number, plain)
