"""Stages of a network by name, group or pattern."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable

from registry import SpecError

HEAD = "head"
"""What the classifier is called among the stages."""


def stages_matching(pattern: str, stages: Iterable[str], network: str) -> tuple[str, ...]:
    """The stages that a word stands for, in the network's order.

    Args:
        pattern: A stage (`stream_0`), a group (`stem` for `stem_0` and `stem_1`), or a pattern
            (`stream_*`).
        stages: All that there are.
        network: Its name, for the message.

    Raises:
        SpecError: It stands for none; the message has those that there are.
    """
    known = tuple(stages)
    found = tuple(
        stage
        for stage in known
        if fnmatch.fnmatchcase(stage, pattern) or (pattern and _group(stage) == pattern)
    )
    if found:
        return found
    groups = [group for group in dict.fromkeys(map(_group, known)) if group]
    near = difflib.get_close_matches(pattern, [*known, *groups], n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    several = f", and for several at once {', '.join(groups)}" if groups else ""
    raise SpecError(
        f"{network} has no stage {pattern!a}; {hint}there are {', '.join(known)}{several}"
    )


def _group(stage: str) -> str:
    return stage.rpartition("_")[0]
