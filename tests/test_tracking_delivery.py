"""Entries reach a store in order, once, and without holding anybody up."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from parnet_zoo.tracking.delivery import Delivery
from parnet_zoo.tracking.journal import Entry
from parnet_zoo.tracking.mark import Mark
from parnet_zoo.tracking.sender import Refused


class Store:
    """Stands in for MLflow: takes entries, or fails as it is told."""

    def __init__(self) -> None:
        self.away = False
        self.fail: Callable[[Entry], Exception | None] = lambda _: None
        self.calls: list[tuple[int, bool]] = []
        self.taken: list[int] = []

    def probe(self) -> None:
        if self.away:
            raise OSError("nobody at home\nand a second line")

    def send(self, entry: Entry, *, uncertain: bool) -> None:
        self.calls.append((entry.number, uncertain))
        if error := self.fail(entry):
            raise error
        self.taken.append(entry.number)


def entry(number: int) -> Entry:
    return Entry(number, "metrics", {})


def deliver(tmp_path: Path, store: Store, found: int = 0) -> Delivery:
    return Delivery(
        Mark(tmp_path / "mark.json"),
        [entry(n) for n in range(1, found + 1)],
        send=store.send,
        probe=store.probe,
        done=lambda _: None,
        place="the/journal",
    )


def finish(delivery: Delivery, patience: float = 20) -> bool:
    return delivery.finish(patience=patience, patience_with_a_call=20)


def test_order_is_kept(tmp_path: Path) -> None:
    store = Store()
    delivery = deliver(tmp_path, store)
    for number in range(1, 21):
        delivery.add(entry(number))
    assert delivery.flush(20)
    assert finish(delivery)
    assert store.taken == list(range(1, 21))
    assert Mark(tmp_path / "mark.json").delivered == 20


def test_an_outage_warns_once_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    store.away = True
    delivery = deliver(tmp_path, store)
    with caplog.at_level(logging.WARNING):
        for number in range(1, 6):
            delivery.add(entry(number))
        assert not delivery.flush(2.5)  # three tries
        assert delivery.waiting == 5
        store.away = False
        assert finish(delivery)
    assert store.taken == [1, 2, 3, 4, 5]
    assert [r.getMessage() for r in caplog.records] == [
        "nobody at home; the run goes on, and what it logs waits in the/journal"
    ]


def test_the_end_waits_for_a_lost_store_only_so_long(tmp_path: Path) -> None:
    store = Store()
    store.away = True
    delivery = deliver(tmp_path, store)
    delivery.add(entry(1))
    assert finish(delivery, patience=0.2)
    assert delivery.waiting == 1
    assert store.calls == []
    again = deliver(tmp_path, store, found=1)
    store.away = False
    assert finish(again)
    assert store.taken == [1]


def test_the_end_does_not_wait_for_a_call_that_hangs(tmp_path: Path) -> None:
    store, hangs = Store(), threading.Event()

    def hang(_: Entry) -> None:
        hangs.wait(30)

    store.fail = hang
    delivery = deliver(tmp_path, store)
    delivery.add(entry(1))
    assert not delivery.finish(patience=20, patience_with_a_call=0.2)
    hangs.set()


def test_what_an_earlier_process_left_is_looked_up_and_the_rest_is_not(tmp_path: Path) -> None:
    Mark(tmp_path / "mark.json").settle(2)
    store = Store()
    delivery = deliver(tmp_path, store, found=4)
    delivery.add(entry(5))
    assert finish(delivery)
    assert store.calls == [(3, True), (4, True), (5, False)]


def test_a_call_that_failed_may_have_written(tmp_path: Path) -> None:
    store = Store()
    failures = iter([OSError("connection lost while waiting for the answer"), None, None])
    store.fail = lambda _: next(failures)
    delivery = deliver(tmp_path, store)
    delivery.add(entry(1))
    delivery.add(entry(2))
    assert finish(delivery)
    assert store.calls == [(1, False), (1, True), (2, False)]


def test_what_the_store_refuses_does_not_hold_up_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store()
    store.fail = lambda e: Refused("no such thing") if e.number == 2 else None
    delivery = deliver(tmp_path, store)
    for number in (1, 2, 3):
        delivery.add(entry(number))
    with caplog.at_level(logging.WARNING):
        assert finish(delivery)
    assert store.taken == [1, 3]
    assert delivery.waiting == 1
    assert Mark(tmp_path / "mark.json").postponed == {2: "no such thing"}
    assert [r.getMessage() for r in caplog.records] == [
        "MLflow does not take the run's metrics (entry 2): no such thing; it stays in the/journal"
    ]


def test_what_fails_again_and_again_is_tried_once_more_at_the_end(tmp_path: Path) -> None:
    store = Store()
    broken = True
    store.fail = lambda e: OSError("bucket is gone") if broken and e.number == 1 else None
    delivery = deliver(tmp_path, store)
    delivery.add(entry(1))
    delivery.add(entry(2))
    delivery.flush(20)
    assert store.taken == [2]
    broken = False
    assert finish(delivery)
    assert store.taken == [2, 1]
    assert Mark(tmp_path / "mark.json").postponed == {}


def test_a_postponed_entry_is_known_to_the_next_process(tmp_path: Path) -> None:
    mark = Mark(tmp_path / "mark.json")
    mark.settle(3)
    mark.postpone(2, "bucket is gone")
    store = Store()
    assert finish(deliver(tmp_path, store, found=3))
    assert store.calls == [(2, True)]


def test_a_mark_that_cannot_be_written_does_not_stop_the_delivery(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mark.tmp").mkdir()
    store = Store()
    delivery = deliver(tmp_path, store)
    with caplog.at_level(logging.WARNING):
        for number in (1, 2, 3):
            delivery.add(entry(number))
        assert finish(delivery)
    assert store.taken == [1, 2, 3]
    assert len(caplog.records) == 1


def test_warnings_show_no_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    failures = iter(
        [OSError("http://me:hunter2@host is away"), Refused("by me:x http://a:hunter2@b")]
    )
    store.fail = lambda _: next(failures, Refused("again"))
    delivery = deliver(tmp_path, store)
    with caplog.at_level(logging.WARNING):
        delivery.add(entry(1))
        assert finish(delivery)
    assert len(caplog.messages) == 2
    assert "hunter2" not in caplog.text + (tmp_path / "mark.json").read_text()
