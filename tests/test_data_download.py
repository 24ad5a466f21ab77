"""`data download`: from an archive on a server to a folder that training takes."""

from __future__ import annotations

import fcntl
import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from parnet_zoo.data.download.cifar10 import CLASSES, RECORD
from parnet_zoo.data.folder import scan
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.training.data_download import Downloaded, download_data
from tests.conftest import Done
from tests.file_server import FileServer, serving
from tests.picture_sets import picture

Run = Callable[..., Done]


def jpeg(seed: int) -> bytes:
    buffer = io.BytesIO()
    picture(seed, (60, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


def dogcat_members(count: int = 12) -> dict[str, bytes]:
    """What the public archive is like: photographs, thumbnails' databases, a few broken files."""
    members = {"readme[1].txt": b"terms", "PetImages/Cat/Thumbs.db": b"thumbs"}
    for number in range(count):
        members[f"PetImages/Cat/{number}.jpg"] = jpeg(number)
        members[f"PetImages/Dog/{number}.jpg"] = jpeg(1000 + number)
    members["PetImages/Cat/666.jpg"] = b""
    members["PetImages/Dog/11702.jpg"] = jpeg(5)[:200]
    return members


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def cifar_members(count: int = 20) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    members = {"cifar-10-batches-bin/batches.meta.txt": "\n".join(CLASSES).encode()}
    for batch in ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5",
                  "test_batch"):  # fmt: skip
        records = rng.integers(0, 256, (count, RECORD), dtype=np.uint8)
        records[:, 0] = np.arange(count) % 10
        members[f"cifar-10-batches-bin/{batch}.bin"] = records.tobytes()
    return members


def tarred(members: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return buffer.getvalue()


@pytest.fixture
def download(tmp_path: Path) -> Callable[..., Downloaded]:
    """Download from a server that serves certain bytes."""

    def get(name: str, data: bytes, to: str = "set", **behaviour: Any) -> Downloaded:
        with serving(FileServer(data, **behaviour)) as server:
            return download_data(
                name, tmp_path / to, url=server.url, sha256=server.sha256, quiet=True
            )

    return get


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_dogcat_becomes_a_folder_that_training_takes(
    download: Callable[..., Downloaded], tmp_path: Path
) -> None:
    members = dogcat_members()
    done = download("dogcat", zipped(members))
    assert (done.train, done.test) == ({"cat": 10, "dog": 10}, {"cat": 2, "dog": 2})
    assert done.dropped == {"corrupt or no image": 2}
    folder = scan(tmp_path / "set", validation=0.2, seed=0)
    assert folder.classes == ("cat", "dog")
    assert folder.test is not None
    assert len(folder.test) == 4
    images = {name: data for name, data in files(tmp_path / "set").items() if "/" in name}
    assert len(images) == 24
    for name, data in images.items():  # byte for byte as they were
        label, number, _ = Path(name).name.split(".")
        assert data == members[f"PetImages/{label.capitalize()}/{number}.jpg"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_split_depends_on_nothing_but_the_names(download: Callable[..., Downloaded]) -> None:
    members = dogcat_members()
    first = download("dogcat", zipped(members), "first").folder
    again = download("dogcat", zipped(dict(reversed(members.items()))), "again").folder
    assert files(first).keys() == files(again).keys()


def test_copies_are_kept_once_and_never_on_both_sides(download: Callable[..., Downloaded]) -> None:
    members = dogcat_members()
    members |= {f"PetImages/Cat/{100 + n}.jpg": members["PetImages/Cat/3.jpg"] for n in range(9)}
    members["PetImages/Dog/200.jpg"] = members["PetImages/Cat/4.jpg"]
    members["PetImages/Dog/201.jpg"] = members["PetImages/Cat/4.jpg"]
    done = download("dogcat", zipped(members))
    assert done.dropped == {
        "corrupt or no image": 2,
        "copy of another image": 9,
        "labelled both cat and dog": 3,
    }
    contents = [data for name, data in files(done.folder).items() if name.endswith(".jpg")]
    assert len(contents) == len(set(contents)) == 23
    text = (done.folder / "SOURCE.txt").read_text()
    assert "left out, labelled both cat and dog (3): PetImages/" in text
    assert done.sha256 in text


def test_a_member_that_is_damaged_in_the_archive_is_dropped(
    download: Callable[..., Downloaded],
) -> None:
    members = dogcat_members()
    data = bytearray(zipped(members))
    place = data.index(members["PetImages/Dog/7.jpg"])
    data[place + 300 : place + 320] = bytes(20)
    done = download("dogcat", bytes(data))
    assert done.dropped == {"corrupt or no image": 3}
    assert "PetImages/Dog/7.jpg" in (done.folder / "SOURCE.txt").read_text()


def test_cifar_becomes_png_files_in_its_own_split(
    download: Callable[..., Downloaded], tmp_path: Path
) -> None:
    members = cifar_members()
    done = download("cifar10", tarred(members))
    assert done.train == dict.fromkeys(CLASSES, 10)
    assert done.test == dict.fromkeys(CLASSES, 2)
    folder = scan(tmp_path / "set", validation=0.2, seed=0)
    assert folder.classes == CLASSES
    record = np.frombuffer(members["cifar-10-batches-bin/data_batch_3.bin"], np.uint8)
    record = record.reshape(-1, RECORD)[14]
    with Image.open(tmp_path / "set/train/deer/3_00014.png") as image:
        pixels = np.asarray(image)
    assert pixels.shape == (32, 32, 3)
    np.testing.assert_array_equal(pixels[..., 0].ravel(), record[1:1025])
    np.testing.assert_array_equal(pixels[..., 2].ravel(), record[2049:])


def test_a_complete_folder_is_left_as_it_is(download: Callable[..., Downloaded]) -> None:
    first = download("dogcat", zipped(dogcat_members()))
    before = files(first.folder)
    again = download_data("dogcat", first.folder, quiet=True)  # asks no server
    assert again.already_there
    assert not first.already_there
    assert (again.train, again.test, again.dropped) == (first.train, first.test, first.dropped)
    assert files(first.folder) == before


@pytest.mark.parametrize(
    "change", ["removed", "added", "a file among the classes", "foreign", "other"]
)
def test_a_folder_of_something_else_is_left_alone(
    download: Callable[..., Downloaded], tmp_path: Path, change: str
) -> None:
    name = "dogcat"
    if change == "foreign":
        (tmp_path / "set").mkdir()
        (tmp_path / "set" / "holiday.jpg").touch()
    else:
        folder = download("dogcat", zipped(dogcat_members())).folder
        if change == "removed":
            next(folder.glob("train/cat/*")).unlink()
        elif change == "a file among the classes":
            (folder / "train" / "notes.txt").touch()
        elif change == "added":
            (folder / "train" / "cat" / "mine.jpg").touch()
        else:
            name = "cifar10"
    before = files(tmp_path / "set")
    with pytest.raises(DataError, match="exists but is not the whole of"):
        download_data(name, tmp_path / "set", quiet=True)
    assert files(tmp_path / "set") == before


HOSTILE = ["../evil.jpg", "/etc/evil.jpg", "PetImages/Cat/../../../evil.jpg", "..\\evil.jpg",
           "C:\\evil.jpg"]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_zip_with_a_path_that_leaves_its_folder_is_not_used(
    download: Callable[..., Downloaded], tmp_path: Path, name: str
) -> None:
    with pytest.raises(DataError, match="holds a path that leaves its folder"):
        download("dogcat", zipped({**dogcat_members(), name: jpeg(1)}))
    assert not (tmp_path / "set").exists()
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tar_with_a_path_that_leaves_its_folder_is_not_used(
    download: Callable[..., Downloaded], tmp_path: Path, name: str
) -> None:
    with pytest.raises(DataError, match="holds a path that leaves its folder"):
        download("cifar10", tarred({name: b"evil", **cifar_members(1)}))
    assert not (tmp_path / "set").exists()
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_tar_with_a_link_or_a_device_is_not_used(
    download: Callable[..., Downloaded], tmp_path: Path, kind: bytes
) -> None:
    link = tarfile.TarInfo("cifar-10-batches-bin/link")
    link.type, link.linkname = kind, "../../../etc/passwd"
    with pytest.raises(DataError, match="holds a link or a device"):
        download("cifar10", tarred(cifar_members(1), link))
    assert not (tmp_path / "set").exists()


def test_a_zip_with_a_link_is_not_used(download: Callable[..., Downloaded], tmp_path: Path) -> None:
    buffer = io.BytesIO(zipped(dogcat_members()))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("PetImages/Cat/99.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"holds a link or a device, PetImages/Cat/99\.jpg"):
        download("dogcat", buffer.getvalue())
    assert not (tmp_path / "set").exists()


@pytest.mark.slow
def test_an_archive_that_unpacks_to_far_too_much_is_not_used(
    download: Callable[..., Downloaded], tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(16):
            archive.writestr(f"PetImages/Cat/{number}.jpg", bytes(100_000_000))
    with pytest.raises(DataError, match="unpacks to 1,600,000,000 bytes, more than the limit"):
        download("dogcat", buffer.getvalue())
    huge = tarfile.TarInfo("zeros")
    huge.size = 10**12  # said, not there
    with pytest.raises(DataError, match="unpacks to more than the limit"):
        download("cifar10", tarred({}, huge), "other")
    assert not (tmp_path / "set").exists()


def test_a_huge_member_of_a_zip_is_dropped_unread(download: Callable[..., Downloaded]) -> None:
    buffer = io.BytesIO(zipped(dogcat_members()))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("PetImages/Cat/77.jpg", bytes(33 * 2**20))
    assert download("dogcat", buffer.getvalue()).dropped == {"corrupt or no image": 3}


CIFAR = cifar_members(3)
BROKEN = {
    "rubbish": ("dogcat", b"rubbish", "is no zip archive, or is damaged"),
    "cut zip": ("dogcat", zipped(dogcat_members())[:-3000], "is no zip archive, or is damaged"),
    "other zip": ("dogcat", zipped({"a.txt": b""}), "has too few images"),
    "no gzip": ("cifar10", b"rubbish", r"is no \.tar\.gz archive, or is damaged"),
    "cut gzip": ("cifar10", tarred(CIFAR)[:-5000], r"is no \.tar\.gz archive, or is damaged"),
    "a batch less": (
        "cifar10",
        tarred({name: data for name, data in CIFAR.items() if "_4" not in name}),
        "lacks some of CIFAR-10's six batches",
    ),
    "a cut batch": (
        "cifar10",
        tarred({name: data[:-1] for name, data in CIFAR.items()}),
        "is damaged",
    ),
    "an unknown class": (
        "cifar10",
        tarred({**CIFAR, "cifar-10-batches-bin/test_batch.bin": b"\x0a" * RECORD}),
        "a class that CIFAR-10 does not have",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_archive_that_cannot_be_used_is_a_sentence_and_leaves_no_folder(
    download: Callable[..., Downloaded], tmp_path: Path, case: str
) -> None:
    name, data, words = BROKEN[case]
    with pytest.raises(DataError, match=words):
        download(name, data)
    assert not (tmp_path / "set").exists()
    assert [path.name for path in tmp_path.iterdir()] == [".set-download"]


def test_an_origin_keeps_its_checksum_on_a_mirror(tmp_path: Path) -> None:
    with (
        serving(FileServer(b"something else")) as server,
        pytest.raises(DataError, match="offers 14 bytes, but cifar-10-binary"),
    ):
        download_data("cifar10", tmp_path / "set", url=server.url, quiet=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "mnist"}, "there are dogcat, cifar10"),
        ({"name": "dogcat", "sha256": "0" * 64}, "give that with --from"),
        ({"name": "dogcat", "url": "https://x.org/y", "sha256": "xyz"}, "64 hexadecimal digits"),
        ({"name": "dogcat", "url": "http://x.org/y"}, "starts with https://"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    tmp_path: Path, arguments: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        download_data(to=tmp_path / "set", quiet=True, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_two_downloads_of_one_folder_do_not_mix(tmp_path: Path) -> None:
    keep = tmp_path / ".set-download"
    keep.mkdir()
    with (keep / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another process is downloading"):
            download_data("dogcat", tmp_path / "set", quiet=True)


def test_a_disk_without_room_is_named_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=10**9)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(DataError, match=r"dogcat needs 2\.5 GB in .* and 1\.0 GB are free"):
        download_data("dogcat", tmp_path / "set", quiet=True)


@pytest.mark.slow
def test_the_command_survives_a_break_and_says_what_there_is(
    tmp_path: Path, parnet_zoo_in: Run
) -> None:
    data = zipped(dogcat_members())
    with serving(FileServer(data, breaks=[len(data) // 2])) as server:
        options = ("--from", server.url, "--sha256", server.sha256)
        done = parnet_zoo_in("data", "download", "dogcat", *options)
        assert done.code == 0, done.stderr
        assert f"bytes={len(data) // 2}-" in server.requests
    assert "trying again in 2 s" in done.stderr
    assert done.stdout.splitlines() == [
        "dogcat is there: datasets/dogcat",
        "train  20: 10 cat, 10 dog",
        "test   4: 2 cat, 2 dog",
        "left out: 2 corrupt or no image",
    ]
    again = parnet_zoo_in("data", "download", "dogcat", "--json")
    assert again.code == 0
    assert again.json["already_there"] is True
    assert again.json["train"] == {"cat": 10, "dog": 10}
    assert parnet_zoo_in("data", "check", "datasets/dogcat", "--quiet").code == 0
    refused = parnet_zoo_in("data", "download", "mnist")
    assert (refused.code, refused.stdout) == (2, "")
    assert "dogcat, cifar10" in refused.stderr
