"""scikit-learn's digits become a folder of pictures, once and whole."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from parnet_zoo.data.digits import write_digits
from parnet_zoo.data.folder import scan
from parnet_zoo.errors import DataError

WRITE = "from pathlib import Path; from parnet_zoo.data.digits import write_digits; import sys;"
CALL = "write_digits(Path(sys.argv[1]))"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("data") / "datasets" / "digits")


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in files
    }


def test_the_folder_is_one_that_training_takes(digits: Path) -> None:
    found = scan(digits, validation=0.1, seed=0)
    assert found.classes == tuple("0123456789")
    assert found.test is not None
    assert len(found.train) + len(found.validation) + len(found.test) == 1797
    shares = [
        count / total
        for count, total in zip(
            found.test.counts(found.classes).values(),
            np.bincount(load_digits().target),
            strict=True,
        )
    ]
    assert all(0.18 < share < 0.22 for share in shares)


def test_the_pictures_are_the_digits(digits: Path) -> None:
    source = load_digits()
    paths = sorted(digits.glob("t*/*/*.png"), key=lambda path: path.name)
    assert [path.name for path in paths] == [f"digit_{number:04d}.png" for number in range(1797)]
    for path, image, label in zip(paths, source.images, source.target, strict=True):
        assert path.parent.name == str(label)
        with Image.open(path) as picture:
            assert (picture.mode, picture.size) == ("L", (8, 8))
            grey = np.asarray(picture, dtype=np.float64)
        np.testing.assert_array_equal(np.rint(grey * 16 / 255), image)
    assert max(int(np.asarray(Image.open(path)).max()) for path in paths[:20]) == 255


def test_writing_again_changes_nothing(digits: Path) -> None:
    before = snapshot(digits)
    assert write_digits(digits) == digits
    assert snapshot(digits) == before


def test_every_writing_gives_the_same_files(digits: Path, tmp_path: Path) -> None:
    again = snapshot(write_digits(tmp_path / "again"))
    assert {name: data for name, (data, _) in again.items()} == {
        name: data for name, (data, _) in snapshot(digits).items()
    }


@pytest.mark.slow
def test_several_processes_at_once_leave_one_whole_folder(digits: Path, tmp_path: Path) -> None:
    root = tmp_path / "digits"
    command = [sys.executable, "-c", WRITE + CALL, str(root)]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0, 0]
    assert snapshot(root).keys() == snapshot(digits).keys()
    assert list(tmp_path.iterdir()) == [root]


@pytest.mark.slow
def test_a_writer_that_was_killed_leaves_no_half_folder(tmp_path: Path) -> None:
    root = tmp_path / "digits"
    die = (
        "import os; from PIL import Image; save = Image.Image.save; count = iter(range(700));"
        "Image.Image.save = lambda *a: save(*a) if next(count) < 600 else os._exit(9);"
    )
    killed = subprocess.run([sys.executable, "-c", WRITE + die + CALL, str(root)], check=False)
    assert killed.returncode == 9
    assert not root.exists()
    (leftover,) = tmp_path.iterdir()
    assert any(leftover.rglob("*.png"))
    write_digits(root)  # the leftover is young: it might belong to a process at work
    assert len(list(root.rglob("*.png"))) == 1797
    assert leftover.exists()
    an_hour_ago = time.time() - 3600
    os.utime(leftover, (an_hour_ago, an_hour_ago))
    write_digits(tmp_path / "other")
    assert leftover.exists()  # another folder's leftovers are not its business
    root.rename(tmp_path / "moved")
    write_digits(root)
    assert not leftover.exists()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert len(list(write_digits(tmp_path).rglob("*.png"))) == 1797


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(DataError, match=rf"{tmp_path} exists but is not the folder of 1797 digits"):
        write_digits(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_an_incomplete_folder_is_named(tmp_path: Path) -> None:
    root = write_digits(tmp_path / "digits")
    next(root.rglob("*.png")).unlink()
    with pytest.raises(DataError, match=r"\(1796 found\); remove it"):
        write_digits(root)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file/digits cannot be written: "):
        write_digits(tmp_path / "file" / "digits")
