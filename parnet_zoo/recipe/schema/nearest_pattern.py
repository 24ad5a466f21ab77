"""What a pattern of stages that matches none was meant to be."""

import difflib
import fnmatch
import re
from collections.abc import Sequence


def nearest_pattern(pattern: str, stages: Sequence[str]) -> str | None:
    """The same pattern with the nearest name or group in it: `stream_*` for `strem_*`.

    Args:
        pattern: As it was written.
        stages: Names of all stages.

    Returns:
        A pattern that matches a stage; None if there is none near, or it is no pattern.
    """
    match = re.fullmatch(r"([^*?\[]+?)(_?[*?\[].*)", pattern)
    if match is None:
        return None
    groups = [stage.rpartition("_")[0] for stage in stages]
    near = difflib.get_close_matches(match[1], dict.fromkeys([*filter(None, groups), *stages]), n=1)
    wanted = f"{near[0]}{match[2]}" if near else ""
    return wanted if any(fnmatch.fnmatchcase(stage, wanted) for stage in stages) else None
