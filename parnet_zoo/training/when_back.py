"""Something that needs the store, done although the store comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.reach import check_reachable
from parnet_zoo.tracking.uri import tracking_uri

T = TypeVar("T")

SECONDS_TO_WAIT = 60.0
"""For a store that is away at the end of a training."""
_PAUSE_SECONDS = 1.0
_REFUSALS = 3
"""So often in a row may a store that answers fail, before it is believed."""
_OUTAGES = 5
"""So often is a store waited for: what is done may be what it breaks down under."""


def when_back(act: Callable[[], T], say: Callable[[str], None]) -> T:
    """Do it; where the store is lost, wait for it and do it again.

    Args:
        act: Can be done again after it was broken off anywhere.
        say: Tells the person that it takes longer.

    Raises:
        TrackingError: The store stays away for a minute or is lost again and again, or answers and
            still refuses.
    """
    refusals = outages = 0
    while True:
        try:
            return act()
        except TrackingError as error:
            if not _answers():
                refusals, outages = 0, outages + 1
                if outages > _OUTAGES:
                    raise
                _wait(error, say)
                continue
            refusals += 1
            if refusals == _REFUSALS:
                raise
            time.sleep(_PAUSE_SECONDS)


def _wait(error: TrackingError, say: Callable[[str], None]) -> None:
    say(f"{error}; waiting for it, {SECONDS_TO_WAIT:.0f} seconds at most")
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not _answers():
        if time.monotonic() > deadline:
            raise error
        time.sleep(_PAUSE_SECONDS)


def _answers() -> bool:
    try:
        check_reachable(tracking_uri())
    except TrackingError:
        return False
    return True
