"""Downloads: whole and the right file, or a sentence that says why not."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parnet_zoo.data.download.connection import check_url, open_url
from parnet_zoo.data.download.fetch import TRIES, fetch
from parnet_zoo.data.download.origin import Origin, origin_of
from parnet_zoo.errors import DataError, UsageError
from tests.file_server import FileServer, serving

DATA = os.urandom(700_000)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(DATA)) as file:
        yield file


def origin(server: FileServer, **changes: object) -> Origin:
    usual = Origin("pets", server.url, "pets.zip", server.sha256, len(DATA), 10**6, 10**6, "Pets.")
    return replace(usual, **changes)  # type: ignore[arg-type]  # whatever a test changes


class Got:
    """A download, with what it said and how long it would have waited."""

    def __init__(self, wanted: Origin, folder: Path) -> None:
        self.waits: list[float] = []
        self.said: list[str] = []
        self.seen: list[tuple[int, int | None]] = []
        self.path = fetch(
            wanted,
            folder,
            progress=lambda done, total: self.seen.append((done, total)),
            say=self.said.append,
            sleep=self.waits.append,
        )


def test_a_file_comes_whole_with_progress(server: FileServer, tmp_path: Path) -> None:
    got = Got(origin(server), tmp_path / "new")
    assert got.path.read_bytes() == DATA
    assert list((tmp_path / "new").iterdir()) == [got.path]
    assert got.seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in got.seen] == sorted(done for done, _ in got.seen)
    assert (got.waits, got.said) == ([], [])


def test_a_connection_that_breaks_is_taken_up_where_it_broke(
    server: FileServer, tmp_path: Path
) -> None:
    server.breaks = [len(DATA) // 2, 1000]
    got = Got(origin(server), tmp_path)
    assert got.path.read_bytes() == DATA
    assert server.requests == [None, f"bytes={len(DATA) // 2}-", f"bytes={len(DATA) // 2 + 1000}-"]
    assert got.waits == [2, 2]
    assert "the connection ended after 350,000 of 700,000 bytes; trying again" in got.said[0]


def test_a_later_call_goes_on_where_the_first_was_stopped(
    server: FileServer, tmp_path: Path
) -> None:
    server.breaks = [500_000]

    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(origin(server), tmp_path, sleep=stop)
    assert (tmp_path / "pets.zip.part").stat().st_size == 500_000
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA
    assert server.requests == [None, "bytes=500000-"]


def test_a_server_without_ranges_starts_over(server: FileServer, tmp_path: Path) -> None:
    server.ranges, server.breaks = False, [500_000]
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA
    assert server.requests == [None, "bytes=500000-"]


def test_without_a_version_a_part_is_not_trusted(server: FileServer, tmp_path: Path) -> None:
    server.etag, server.breaks = False, [500_000]
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA
    assert server.requests == [None, None]


def test_a_file_that_changed_in_between_is_not_patched_together(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "pets.zip.part").write_bytes(b"old" * 1000)
    (tmp_path / "pets.zip.part.json").write_text(
        f'{{"url": "{server.url}", "validator": "\\"o\\""}}'
    )
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA
    assert server.requests == ["bytes=3000-"]


@pytest.mark.parametrize("notes", ["", "[]", "{", '{"url": "https://other", "validator": "x"}'])
def test_notes_that_do_not_fit_are_left_alone(
    server: FileServer, tmp_path: Path, notes: str
) -> None:
    (tmp_path / "pets.zip.part").write_bytes(DATA[:100])
    (tmp_path / "pets.zip.part.json").write_text(notes)
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA
    assert server.requests == [None]


def test_a_part_that_is_complete_is_only_checked(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "pets.zip.part").write_bytes(DATA)
    notes = {"url": server.url, "validator": server.version}
    (tmp_path / "pets.zip.part.json").write_text(json.dumps(notes))
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA
    assert server.requests == [f"bytes={len(DATA)}-"]


def test_a_part_that_is_too_long_is_dropped(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "pets.zip.part").write_bytes(DATA + b"more")
    notes = {"url": server.url, "validator": server.version}
    (tmp_path / "pets.zip.part.json").write_text(json.dumps(notes))
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA


def test_a_busy_server_is_asked_again_with_growing_patience(
    server: FileServer, tmp_path: Path
) -> None:
    server.statuses = [503, 500, 429]
    got = Got(origin(server), tmp_path)
    assert got.path.read_bytes() == DATA
    assert got.waits == [2, 4, 8]
    assert "503" in got.said[0]


def test_without_progress_it_is_given_up_and_the_part_kept(
    server: FileServer, tmp_path: Path
) -> None:
    server.breaks = [100_000, *[0] * 20]
    with pytest.raises(DataError, match=rf"given up after {TRIES} tries without progress; 100,000"):
        Got(origin(server), tmp_path)
    assert len(server.requests) == TRIES
    assert (tmp_path / "pets.zip.part").read_bytes() == DATA[:100_000]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_ends_it_at_once(server: FileServer, tmp_path: Path, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DataError, match=f"the server answered {status}"):
        Got(origin(server), tmp_path)
    assert len(server.requests) == 1


def test_another_file_is_refused_by_its_checksum_and_removed(
    server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=rf"its SHA-256 is {server.sha256}, not {'0' * 64}"):
        Got(origin(server, sha256="0" * 64), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 12}, r"offers 700,000 bytes, but pets.zip has 12: it is another file"),
        ({"size": None, "largest": 1000}, r"offers 700,000 bytes; the limit is 1,000"),
    ],
)
def test_another_size_is_refused_before_anything_comes(
    server: FileServer, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        Got(origin(server, **changes), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("lie", [-1000, 5000])
def test_a_server_that_lies_about_the_size_is_found_out(
    server: FileServer, tmp_path: Path, lie: int
) -> None:
    server.length, server.ranges = lie, False
    with pytest.raises(DataError, match="another file"):
        Got(origin(server), tmp_path)
    with pytest.raises(DataError, match="SHA-256 is" if lie < 0 else "given up after"):
        Got(origin(server, size=None), tmp_path)


def test_without_a_length_the_limit_and_the_checksum_decide(
    server: FileServer, tmp_path: Path
) -> None:
    server.length = None
    assert Got(origin(server), tmp_path / "a").path.read_bytes() == DATA
    assert Got(origin(server, size=None), tmp_path / "b").path.read_bytes() == DATA
    with pytest.raises(DataError, match=r"sends more than the 1,000 bytes"):
        Got(origin(server, size=1000), tmp_path / "c")
    server.breaks = [None] * 3 + [1000]
    assert Got(origin(server), tmp_path / "d").path.read_bytes() == DATA


def test_an_archive_that_is_there_is_used_if_it_is_the_right_one(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "pets.zip").write_bytes(b"another")
    assert Got(origin(server), tmp_path).path.read_bytes() == DATA
    Got(origin(server), tmp_path)
    assert len(server.requests) == 1


def test_a_full_disk_is_no_broken_connection(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_exception: object) -> None:
            """Nothing to close."""

        def write(self, _data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    open_file = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, *mode, **kw: Full() if mode == ("ab",) else open_file(self, *mode, **kw),
    )
    with pytest.raises(DataError, match=r"pets\.zip cannot be written: No space left on device"):
        Got(origin(server), tmp_path)
    assert len(server.requests) == 1


def test_a_silent_server_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parnet_zoo.data.download.connection.SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        with pytest.raises(DataError, match=f"timed out; given up after {TRIES} tries"):
            Got(Origin("pets", url, "pets.zip", "0" * 64, 9, 9, 9, ""), tmp_path)


def test_no_server_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/x"
    with pytest.raises(DataError, match=r"connection refused; given up after"):
        Got(Origin("pets", url, "pets.zip", "0" * 64, 9, 9, 9, ""), tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x.zip",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "x.zip",
        "https://",
        "http://127.0.0.1.example.org/x",
        "http://localhost.example.org/x",
    ],
)
def test_addresses_that_are_not_https_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="starts with https://"):
        check_url(url)


@pytest.mark.parametrize(
    "target", ["http://example.org/x", "file:///etc/passwd", "ftp://example.org/"]
)
def test_a_redirect_leads_nowhere_but_to_https(server: FileServer, target: str) -> None:
    server.redirect = target
    with pytest.raises(DataError, match=r"which is not https|is not allowed"):
        open_url(server.url.replace("/archive", "/moved"), {})


def test_a_redirect_on_this_machine_is_followed(server: FileServer, tmp_path: Path) -> None:
    server.redirect = server.url
    moved = origin(server, url=server.url.replace("/archive", "/moved"))
    assert Got(moved, tmp_path).path.read_bytes() == DATA


def test_redirects_in_a_circle_end(server: FileServer, tmp_path: Path) -> None:
    server.redirect = server.url.replace("/archive", "/moved")
    with pytest.raises(DataError, match="302"):
        Got(origin(server, url=server.redirect), tmp_path)


@pytest.mark.parametrize("name", ["dogcat", "cifar10"])
def test_the_public_origins_are_whole(name: str) -> None:
    known = origin_of(name)
    check_url(known.url)
    assert known.url.startswith("https://")
    assert known.size is not None
    assert known.size < known.largest
    assert len(known.sha256) == 64
    with pytest.raises(UsageError, match="there are dogcat, cifar10"):
        origin_of("imagenet")


def test_two_threads_of_reading_do_not_share_anything(server: FileServer, tmp_path: Path) -> None:
    got: list[bytes] = []
    threads = [
        threading.Thread(
            target=lambda n=n: got.append(Got(origin(server), tmp_path / str(n)).path.read_bytes())
        )
        for n in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [DATA] * 3
