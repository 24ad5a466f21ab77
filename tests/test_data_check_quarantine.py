"""`data check --quarantine`: bad files are moved aside, and nothing is ever lost."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parnet_zoo.data.check.quarantine import RECORD, Condemned, Quarantine, restore
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.training.data_check import check_data
from tests.conftest import Done
from tests.picture_sets import write_set

Run = Callable[..., Done]


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    root = write_set(
        tmp_path / "pets", {"train/cat": 4, "train/dog": 4, "test/cat": 2, "test/dog": 2}
    )
    (root / "train/cat/cut.jpg").write_bytes(b"cut")
    (root / "test/dog/none.jpg").write_bytes(b"")
    return root


@pytest.fixture
def aside(tmp_path: Path) -> Path:
    return tmp_path / "bad"


def snapshot(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != RECORD
    }


def record(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / RECORD).read_text().splitlines()]


def test_unreadable_files_are_moved_with_their_paths(pets: Path, aside: Path) -> None:
    report = check_data(pets, quarantine=aside, quiet=True)
    assert sorted(map(report.named, report.moved)) == ["test/dog/none.jpg", "train/cat/cut.jpg"]
    assert not report.remaining("error")
    assert snapshot(aside) == {"test/dog/none.jpg": b"", "train/cat/cut.jpg": b"cut"}
    assert not check_data(pets, quiet=True).findings


def test_the_record_says_what_was_done_and_why(pets: Path, aside: Path) -> None:
    check_data(pets, quarantine=aside, quiet=True)
    lines = {line["from"]: line for line in record(aside) if line["action"] == "moved"}
    line = lines[str(pets / "train/cat/cut.jpg")]
    assert line["to"] == str(aside / "train/cat/cut.jpg")
    assert line["sha256"] == hashlib.sha256(b"cut").hexdigest()
    assert "not a picture" in line["why"]
    assert [entry["action"] for entry in record(aside)] == ["move", "moved"] * 2


def test_what_was_moved_comes_back(pets: Path, aside: Path) -> None:
    before = snapshot(pets)
    check_data(pets, quarantine=aside, quiet=True)
    report = check_data(pets, restore_from=aside, quiet=True)
    assert snapshot(pets) == before
    assert len(report.remaining("error")) == 2
    assert snapshot(aside) == {}
    assert restore(aside, pets) == []


def test_copies_stay_unless_they_are_asked_for(pets: Path, aside: Path) -> None:
    shutil.copy(pets / "train/cat/0.jpg", pets / "train/cat/copy.jpg")
    shutil.copy(pets / "train/cat/1.jpg", pets / "train/dog/other.jpg")
    shutil.copy(pets / "train/dog/2.jpg", pets / "test/dog/leak.jpg")
    report = check_data(pets, quarantine=aside, quiet=True)
    assert [finding.kind for finding in report.remaining("error")] == ["leak"]
    report = check_data(pets, quarantine=aside, quarantine_duplicates=True, quiet=True)
    assert not report.remaining("error")
    assert sorted(map(report.named, report.moved)) == [
        "train/cat/1.jpg",  # which label is right?
        "train/cat/copy.jpg",
        "train/dog/2.jpg",  # the test images stay as they are
        "train/dog/other.jpg",
    ]
    assert not check_data(pets, quiet=True).findings


def test_a_file_that_two_ways_lead_to_is_moved_once(pets: Path, aside: Path) -> None:
    (pets / "train/dog/again").symlink_to(pets / "train/cat")
    report = check_data(pets, quarantine=aside, quiet=True)
    assert not report.remaining("error")
    assert [path for path in snapshot(aside) if path.endswith("cut.jpg")] == ["train/cat/cut.jpg"]
    assert not list(pets.rglob("cut.jpg"))


def test_the_file_behind_a_link_is_no_spare_copy(pets: Path, aside: Path) -> None:
    (pets / "train/cat/-link.jpg").symlink_to("0.jpg")  # and comes before it
    before = snapshot(pets)
    check_data(pets, quarantine=aside, quarantine_duplicates=True, quiet=True)
    assert before.items() - snapshot(pets).items() == {
        ("test/dog/none.jpg", b""), ("train/cat/cut.jpg", b"cut"),
    }  # fmt: skip


def test_no_file_in_the_quarantine_is_overwritten(pets: Path, aside: Path) -> None:
    check_data(pets, quarantine=aside, quiet=True)
    for content in (b"second", b"third"):
        (pets / "train/cat/cut.jpg").write_bytes(content)
        check_data(pets, quarantine=aside, quiet=True)
    assert snapshot(aside) == {
        "test/dog/none.jpg": b"",
        "train/cat/cut.jpg": b"cut",
        "train/cat/cut~2.jpg": b"second",
        "train/cat/cut~3.jpg": b"third",
    }


def test_no_file_in_the_folder_is_overwritten_on_the_way_back(pets: Path, aside: Path) -> None:
    check_data(pets, quarantine=aside, quiet=True)
    (pets / "train/cat/cut.jpg").write_bytes(b"new")
    with pytest.raises(DataError, match="cannot go back: there is another file"):
        restore(aside, pets)
    assert (pets / "train/cat/cut.jpg").read_bytes() == b"new"
    assert (aside / "train/cat/cut.jpg").read_bytes() == b"cut"


@pytest.mark.parametrize("place", ["pets", "pets/bad", "pets/train/bad", "link"])
def test_a_quarantine_inside_the_folder_is_refused(pets: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "link").symlink_to(pets / "train")
    with pytest.raises(UsageError, match="give a folder outside"):
        check_data(pets, quarantine=tmp_path / place, quiet=True)
    assert (pets / "train/cat/cut.jpg").exists()


def test_a_folder_of_other_things_is_no_quarantine(pets: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds other things"):
        check_data(pets, quarantine=tmp_path, quiet=True)


def test_files_of_other_folders_behind_a_link_stay(pets: Path, aside: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "theirs.jpg").write_bytes(b"theirs")
    (pets / "train/cat/linked").symlink_to(elsewhere)
    report = check_data(pets, quarantine=aside, quiet=True)
    assert (elsewhere / "theirs.jpg").read_bytes() == b"theirs"
    assert [report.named(finding.paths[0]) for finding in report.remaining("error")] == [
        "train/cat/linked/theirs.jpg"
    ]


def test_a_forged_record_moves_nothing_out_of_the_folder(
    pets: Path, aside: Path, tmp_path: Path
) -> None:
    check_data(pets, quarantine=aside, quiet=True)
    secret, target = tmp_path / "secret", tmp_path / "stolen"
    secret.write_text("mine")
    forged = [
        {"action": "move", "from": str(pets / "train/cat/x.jpg"), "to": str(secret)},
        {"action": "move", "from": str(target), "to": str(aside / "train/cat/cut.jpg")},
        {"action": "move", "from": str(pets / "../stolen"), "to": str(aside / "train/cat/cut.jpg")},
    ]
    (aside / RECORD).write_text("".join(f"{json.dumps(line)}\n" for line in forged))
    assert restore(aside, pets) == []
    assert secret.exists()
    assert not target.exists()


@pytest.mark.parametrize("text", ["[]\n{}\n", "rubbish\n\n", '{"action": "move"}\n{}\n'])
def test_a_broken_record_is_named(pets: Path, aside: Path, text: str) -> None:
    aside.mkdir()
    (aside / RECORD).write_text(text)
    with pytest.raises(DataError, match=rf"{RECORD}:1 is no line of a quarantine"):
        restore(aside, pets)


def test_a_quarantine_without_a_record_is_named(pets: Path, aside: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: No such file"):
        check_data(pets, restore_from=aside, quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_a_move_loses_nothing(pets: Path, aside: Path, moment: str) -> None:
    before = snapshot(pets)
    program = f"""
import os, sys
from pathlib import Path
from parnet_zoo.training.data_check import check_data
rename = Path.rename
def dying(self, target):
    if {moment!r} == "after":
        rename(self, target)
    os._exit(9)
Path.rename = dying
check_data(sys.argv[1], quarantine=sys.argv[2], quiet=True)
"""
    command = [sys.executable, "-c", program, str(pets), str(aside)]
    assert subprocess.run(command, check=False, timeout=120).returncode == 9
    assert [line["action"] for line in record(aside)] == ["move"]
    restore(aside, pets)
    assert snapshot(pets) == before


def test_a_last_line_that_was_cut_off_is_no_hindrance(pets: Path, aside: Path) -> None:
    before = snapshot(pets)
    check_data(pets, quarantine=aside, quiet=True)
    with (aside / RECORD).open("a") as file:
        file.write('{"action": "move", "fr')
    restore(aside, pets)
    assert snapshot(pets) == before


def test_files_move_to_another_disk_too(
    pets: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def rename_on_one_disk(self: Path, target: Path) -> Path:
        if self.parent != Path(target).parent:
            raise OSError(18, os.strerror(18))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_on_one_disk)
    report = check_data(pets, quarantine=aside, quiet=True)
    assert len(report.moved) == 2
    assert snapshot(aside) == {"test/dog/none.jpg": b"", "train/cat/cut.jpg": b"cut"}
    assert not (pets / "train/cat/cut.jpg").exists()


@pytest.mark.slow
def test_the_command_moves_and_is_content(pets: Path, parnet_zoo_in: Run) -> None:
    done = parnet_zoo_in("data", "check", "pets", "--quarantine", "bad")
    assert done.code == 0, done.stderr
    assert "2 files were moved into quarantine" in done.stdout
    back = parnet_zoo_in("data", "check", "pets", "--restore", "bad", "--json")
    assert back.code == 3
    assert "2 files moved back from bad" in back.stderr
    alone = parnet_zoo_in("data", "check", "pets", "--quarantine-duplicates")
    assert (alone.code, alone.stderr) == (2, "--quarantine-duplicates needs --quarantine DIR\n")


def test_a_file_that_cannot_be_moved_is_named(
    pets: Path, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    moves = Quarantine(aside, pets).move([Condemned(pets / "train/cat/cut.jpg", "cut off")])
    with pytest.raises(DataError, match=r"cut\.jpg cannot be moved to .*: Permission denied"):
        list(moves)
