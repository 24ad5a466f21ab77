"""Something that needs the store, however long that is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.reach import check_reachable
from parnet_zoo.tracking.uri import tracking_uri
from parnet_zoo.training.progress import Progress

T = TypeVar("T")
_PAUSE_SECONDS = 5.0
_REFUSALS = 3
"""So often in a row may a store that answers fail, before it is believed."""


def patiently(act: Callable[[], T], progress: Progress) -> T:
    """Do it as soon as the store is back: a night's sweep must not end with an outage of an hour.

    Args:
        act: Can be done again after it was broken off anywhere.
        progress: Says once that the store is away.

    Raises:
        TrackingError: The store answers, and refuses.
    """
    refusals, said = 0, False
    while True:
        try:
            return act()
        except TrackingError as error:
            if _answers():
                refusals += 1
                if refusals == _REFUSALS:
                    raise
            elif not said:
                said = True
                progress.warn(f"{error}; the sweep goes on when it is back")
            time.sleep(_PAUSE_SECONDS)


def _answers() -> bool:
    try:
        check_reachable(tracking_uri())
    except TrackingError:
        return False
    return True
