"""SIGTERM ends a process the proper way."""

import os
import signal
import threading

import pytest

from parnet_zoo.tracking.signals import Interrupted, interruptible


def test_sigterm_becomes_an_exception_with_the_shells_exit_code() -> None:
    with pytest.raises(Interrupted) as caught, interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143
    assert caught.value.signal_number == signal.SIGTERM
    assert isinstance(caught.value, KeyboardInterrupt)


def test_a_second_sigterm_does_not_break_off_the_ending() -> None:
    ended = []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            ended.append("properly")

    with pytest.raises(Interrupted), interruptible():
        work()
    assert ended == ["properly"]


def test_the_handler_before_is_put_back() -> None:
    def mine(*_: object) -> None: ...

    before = signal.signal(signal.SIGTERM, mine)
    try:
        with interruptible():
            assert signal.getsignal(signal.SIGTERM) is not mine
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def test_outside_the_main_thread_nothing_changes() -> None:
    seen = []

    def work() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]
