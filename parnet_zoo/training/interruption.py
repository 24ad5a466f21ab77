"""Ctrl-C and SIGTERM, put off until a training is between two steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from parnet_zoo.tracking.signals import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether somebody wants the training to end.

    Attributes:
        signal_number: The signal that asked for it; None while nobody has.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None

    def __bool__(self) -> bool:
        return self.signal_number is not None

    def raise_it(self) -> None:
        """Raise `Interrupted` for the signal that came."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Note the first Ctrl-C or SIGTERM inside the `with` instead of raising it anywhere.

    The second one raises `Interrupted` at once: a step or a validation may take long, and whoever
    asks twice does not want to wait. A SIGINT that is ignored, as in background jobs of a shell,
    stays ignored. Where the first was a SIGTERM, later ones are ignored after the `with`, until
    `interruptible` ends: they must not break off the ending that it began. Outside the main thread,
    where Python cannot set handlers, nothing changes.
    """
    noted = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield noted
        return

    def note(number: int, _frame: FrameType | None) -> None:
        if noted:
            raise Interrupted(number)
        noted.signal_number = number

    wanted = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in wanted}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            # None: a handler that was not set by Python, which cannot be put back from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if noted.signal_number == signal.SIGTERM:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
