"""Where the recipes of several runs differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_DERIVED = ("cost.", "weights.sha256")
"""What follows from other parameters."""


def differing_params(
    params: Sequence[Mapping[str, str]],
) -> dict[str, tuple[str | None, ...]]:
    """Parameters that have not one value in all runs.

    Args:
        params: Of each run; an empty one is of a model without a run, and makes no difference.

    Returns:
        By name, sorted: the value of each run, None where it has none.
    """
    names = sorted({name for each in params for name in each if not name.startswith(_DERIVED)})
    there = [each for each in params if each]
    return {
        name: tuple(each.get(name) for each in params)
        for name in names
        if len({each.get(name) for each in there}) > 1
    }
