"""What is in the journal survives; what is not whole in it never happened."""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.journal import Entry, Journal
from parnet_zoo.tracking.mark import Mark
from parnet_zoo.tracking.spool import Spool

VALUES = st.dictionaries(
    st.text(max_size=5),
    st.text(max_size=8) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    max_size=3,
)


def test_entries_are_numbered_and_come_back(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        assert journal.append("metrics", {"loss": 0.5}) == Entry(1, "metrics", {"loss": 0.5})
        assert journal.append("tags", {"a": "ü\n\u2028"}).number == 2
    with Journal(tmp_path / "j") as again:
        assert [e.data for e in again.found] == [{"loss": 0.5}, {"a": "ü\n\u2028"}]
        assert again.append("status", {}).number == 3


def test_each_entry_is_one_json_line(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.append("metrics", {"loss": 0.5})
        journal.append("tags", {"note": "two\nlines"})
    lines = (tmp_path / "j").read_text().splitlines()
    assert [json.loads(line)["n"] for line in lines] == [1, 2]


@settings(deadline=None, max_examples=60)
@given(st.lists(VALUES, min_size=1, max_size=4), st.data())
def test_wherever_a_crash_tears_it_the_whole_entries_remain(
    entries: list[dict[str, object]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "j")
        ends = [0]
        with Journal(path) as journal:
            for values in entries:
                journal.append("metrics", values)
                ends.append(path.stat().st_size)
        whole = path.read_bytes()
        length = data.draw(st.integers(0, len(whole)), label="bytes that reached the disk")
        path.write_bytes(whole[:length])
        survivors = sum(end <= length for end in ends) - 1
        with Journal(path) as again:
            assert [e.data for e in again.found] == entries[:survivors]
            again.append("metrics", {"after": 1})
        with Journal(path) as third:
            assert [e.data for e in third.found] == [*entries[:survivors], {"after": 1}]


@pytest.mark.parametrize("rubbish", [b"\0" * 40 + b"\n", b'{"n": 2, "kind": "tags"}\n', b"\xff\n"])
def test_a_last_line_that_is_not_an_entry_is_dropped(tmp_path: Path, rubbish: bytes) -> None:
    with Journal(tmp_path / "j") as journal:
        journal.append("metrics", {"loss": 0.5})
    with (tmp_path / "j").open("ab") as file:
        file.write(rubbish)
    with Journal(tmp_path / "j") as again:
        assert [e.number for e in again.found] == [1]
        again.append("metrics", {})
    with Journal(tmp_path / "j") as third:
        assert [e.number for e in third.found] == [1, 2]


@pytest.mark.parametrize("second", [b"", b"rubbish\n"])
def test_damage_in_the_middle_is_named(tmp_path: Path, second: bytes) -> None:
    with Journal(tmp_path / "j") as journal:
        for _ in range(3):
            journal.append("metrics", {})
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    (tmp_path / "j").write_bytes(lines[0] + second + lines[2])
    with pytest.raises(TrackingError, match=r"/j is damaged in line 2"):
        Journal(tmp_path / "j")


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from parnet_zoo.tracking.journal import Journal\n"
        "try: Journal(Path(sys.argv[1]))\n"
        "except Exception as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "j")]
    with Journal(tmp_path / "j"):
        held = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    freed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert held.stdout == f"another process is working on the run in {tmp_path}\n"
    assert freed.stdout == ""


def test_a_full_disk_is_said_and_leaves_whole_entries(tmp_path: Path) -> None:
    path = tmp_path / "j"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal(path) as journal:
        journal.append("metrics", {"loss": 0.5})
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
        try:
            with pytest.raises(TrackingError, match=r"/j cannot be written: "):
                journal.append("metrics", {"text": "x" * 100})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert journal.append("metrics", {"loss": 0.4}).number == 2
    with Journal(path) as again:
        assert [e.data for e in again.found] == [{"loss": 0.5}, {"loss": 0.4}]


def test_a_journal_in_no_folder_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="cannot be written"):
        Journal(tmp_path / "missing" / "j")


class TestMark:
    """How far the delivery came."""

    def test_is_remembered(self, tmp_path: Path) -> None:
        mark = Mark(tmp_path / "m.json")
        assert (mark.delivered, mark.postponed) == (0, {})
        mark.settle(1)
        mark.postpone(2, "too large")
        mark.settle(3)
        again = Mark(tmp_path / "m.json")
        assert (again.delivered, again.postponed) == (3, {2: "too large"})
        again.settle(2)
        last = Mark(tmp_path / "m.json")
        assert (last.delivered, last.postponed) == (3, {})

    def test_a_write_that_fails_leaves_the_old_one(self, tmp_path: Path) -> None:
        mark = Mark(tmp_path / "m.json")
        mark.settle(1)
        (tmp_path / "m.tmp").mkdir()  # the temporary file cannot be written
        with pytest.raises(OSError, match=r"m\.tmp"):
            mark.settle(2)
        assert Mark(tmp_path / "m.json").delivered == 1

    @pytest.mark.parametrize("content", ["", "[]", '{"delivered": "x", "postponed": {}}'])
    def test_damage_is_named_with_the_way_out(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "m.json").write_text(content)
        with pytest.raises(TrackingError, match="is damaged: delete it"):
            Mark(tmp_path / "m.json")


class TestSpool:
    """Copies of artifacts."""

    def test_a_copy_outlives_its_original(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "spool")
        source = tmp_path / "weights.h5"
        source.write_text("epoch 1")
        copy = spool.copy(source)
        source.write_text("epoch 2")
        assert spool.path(copy).read_text() == "epoch 1"
        assert spool.path(copy).name == "weights.h5"

    def test_a_folder_that_holds_the_spool_can_be_copied(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "run" / "spool")
        spool.write("kept.txt", "kept")
        (tmp_path / "run" / "sub").mkdir()
        (tmp_path / "run" / "sub" / "a.txt").write_text("a")
        copied = spool.path(spool.copy(tmp_path / "run"))
        assert [p.relative_to(copied).as_posix() for p in copied.rglob("*")] == ["sub", "sub/a.txt"]

    def test_only_what_is_still_wanted_is_kept(self, tmp_path: Path) -> None:
        spool = Spool(tmp_path / "spool")
        wanted, orphan, done = (spool.write("a.txt", "a") for _ in range(3))
        spool.discard(done)
        spool.keep_only([wanted])
        assert spool.path(wanted).exists()
        assert not spool.path(orphan).exists()
        assert not spool.path(done).exists()

    @pytest.mark.parametrize("name", ["../../x", "a", "/etc/passwd", "..", "a/../b", "a/.."])
    def test_nothing_outside_is_touched(self, tmp_path: Path, name: str) -> None:
        spool = Spool(tmp_path / "spool")
        with pytest.raises(TrackingError, match="no copy of ours"):
            spool.discard(name)

    def test_a_missing_original_is_an_error_for_people(self, tmp_path: Path) -> None:
        with pytest.raises(TrackingError, match=r"no copy of gone\.png .* No such file"):
            Spool(tmp_path / "spool").copy(tmp_path / "gone.png")
        assert list((tmp_path / "spool").iterdir()) == []
