"""A tar archive is read as the folder that it was made of, and nothing is unpacked."""

import gc
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.data.folder import ImageFolder, Split, scan
from parnet_zoo.data.image_file import encoded
from parnet_zoo.data.sources.archive import MOST_BYTES, Archive, ArchiveMember
from parnet_zoo.data.store import Cache, ImageStore
from parnet_zoo.errors import DataError, ParnetZooError
from parnet_zoo.serving.runtime import MAX_BYTES, ImageDecodeError, decode_image
from tests.test_data_folder import fill, pets

SIZE = 8
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
NEEDS_TAR = pytest.mark.skipif(shutil.which("tar") is None, reason="no tar program")


def pack(folder: Path, archive: Path, *, top: str = "", kind: int = tarfile.GNU_FORMAT) -> Path:
    """Pack a folder, as `tar -cf ARCHIVE -C FOLDER .` does, with `top` in the place of the dot."""
    with tarfile.open(archive, "w", format=kind) as tar:
        tar.add(folder, top or "./")
    return archive


def write(archive: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(archive, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return archive


def two_classes(each: int = 6) -> dict[str, bytes]:
    return {f"{name}/{n}.png": bytes([n]) * n for name in ("a", "b") for n in range(each)}


def splits(found: ImageFolder) -> Iterator[Split]:
    yield from (split for split in (found.train, found.validation, found.test) if split is not None)


def below(found: ImageFolder) -> dict[str, list[str]]:
    """The files of each split below the root, whatever the root is."""
    tops = (f"{found.root}/pets/", f"{found.root}/")
    return {
        split.name: [
            next(str(path).removeprefix(top) for top in tops if str(path).startswith(top))
            for path in split.paths
        ]
        for split in splits(found)
    }


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("top", ["", "pets"])
@pytest.mark.parametrize("layout", ["train/", ""])
def test_an_archive_has_the_splits_labels_digest_and_bytes_of_its_folder(
    tmp_path: Path, kind: str, top: str, layout: str
) -> None:
    folder = tmp_path / "unpacked"
    fill(folder, {f"{layout}cat": 9, f"{layout}dog": 12, f"{layout}Dog/deep/er": 5})
    if layout:
        fill(folder, {"test/cat": 2, "test/dog": 2, "test/Dog": 2})
    (folder / layout / "cat/notes.txt").touch()
    (folder / layout / "cat/.hidden.jpg").touch()
    archive = pack(folder, tmp_path / "data.tar", top=top, kind=FORMATS[kind])
    expected = scan(folder, validation=0.25, seed=4, limit=12)
    found = scan(archive, validation=0.25, seed=4, limit=12)
    assert found.classes == expected.classes == ("Dog", "cat", "dog")
    assert found.digest == expected.digest
    assert below(found) == below(expected)
    assert len(found.ignored) == len(expected.ignored) == 2
    for ours, theirs in zip(splits(found), splits(expected), strict=True):
        assert ours.origin == theirs.origin
        np.testing.assert_array_equal(ours.labels, theirs.labels)
        for member, path in zip(ours.paths, theirs.paths, strict=True):
            assert member.read_bytes() == path.read_bytes()
            assert member.name == path.name


def test_an_archive_whose_one_top_folder_is_train_has_training_images(tmp_path: Path) -> None:
    pets(tmp_path / "data", test=0)
    archive = pack(tmp_path / "data/train", tmp_path / "data.tar", top="train")
    assert below(scan(archive, validation=0.1, seed=0)) == below(
        scan(tmp_path / "data", validation=0.1, seed=0)
    )


@pytest.mark.parametrize("kind", ["gnu", "pax"])
def test_long_names_and_names_of_any_script_are_read(tmp_path: Path, kind: str) -> None:
    long = "/".join(["a folder with a long name"] * 12)
    names = ["猫", "f\N{COMBINING DIAERESIS}u"]
    fill(tmp_path / "data", {f"train/{name}/{long}": 3 for name in names})
    archive = pack(tmp_path / "data", tmp_path / "data.tar", kind=FORMATS[kind])
    found = scan(archive, validation=0.4, seed=0)
    assert found.classes == tuple(sorted(names))
    assert below(found) == below(scan(tmp_path / "data", validation=0.4, seed=0))


@NEEDS_TAR
@pytest.mark.parametrize("options", [["--format=gnu"], ["--format=posix"]])
@pytest.mark.parametrize("version", ["0.0", "0.1", "1.0"])
def test_files_with_holes_are_read(tmp_path: Path, options: list[str], version: str) -> None:
    fill(tmp_path / "data", {"a": 3, "b": 3})
    expected = bytearray(3_000_000)
    with (tmp_path / "data/a/holes.jpg").open("wb") as file:
        for place in (0, 400_000, 1_234_567):
            file.seek(place)
            file.write(b"picture" * 1000)
            expected[place : place + 7000] = b"picture" * 1000
        file.truncate(len(expected))
    subprocess.run(
        ["tar", "-S", *options, f"--sparse-version={version}", "-cf", tmp_path / "data.tar", "."],
        cwd=tmp_path / "data", check=True,
    )  # fmt: skip
    assert (tmp_path / "data.tar").stat().st_size < 500_000
    found = scan(tmp_path / "data.tar", validation=0.1, seed=0)
    [holes] = [p for split in splits(found) for p in split.paths if p.name == "holes.jpg"]
    assert holes.read_bytes() == bytes(expected)
    assert found.digest == scan(tmp_path / "data", validation=0.1, seed=0).digest


def test_what_leads_out_of_the_archive_is_ignored_and_counted(tmp_path: Path) -> None:
    archive = write(tmp_path / "data.tar", two_classes())
    odd = {
        "a/link.png": tarfile.SYMTYPE,
        "a/hard.png": tarfile.LNKTYPE,
        "a/device.png": tarfile.CHRTYPE,
        "a/block.png": tarfile.BLKTYPE,
        "a/pipe.png": tarfile.FIFOTYPE,
        "/a/absolute.png": tarfile.REGTYPE,
        "a/../../up.png": tarfile.REGTYPE,
        "../a/up.png": tarfile.REGTYPE,
    }
    with tarfile.open(archive, "a") as tar:
        for name, kind in odd.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    found = scan(archive, validation=0.2, seed=0)
    assert sum(map(len, splits(found))) == 12
    assert set(found.ignored) == {Path(f"{archive}/{name}") for name in odd}
    assert [path.name for path in tmp_path.iterdir()] == ["data.tar"]


def test_of_two_members_with_one_name_the_last_one_counts(tmp_path: Path) -> None:
    archive = write(tmp_path / "data.tar", two_classes() | {"./a//1.png": b"later"})
    found = scan(archive, validation=0.2, seed=0)
    [member] = [p for split in splits(found) for p in split.paths if str(p).endswith("/a/1.png")]
    assert member.read_bytes() == b"later"


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_compressed_archive_is_refused_with_what_to_do(tmp_path: Path, kind: str) -> None:
    for name in (f"data.tar.{kind}", "data.tar"):
        with tarfile.open(tmp_path / name, f"w:{kind}") as tar:  # type: ignore[call-overload]  # a mode in parts
            tar.addfile(tarfile.TarInfo("a/1.png"))
        with pytest.raises(DataError, match=f"{name} is compressed, .* one by one; decompress it"):
            scan(tmp_path / name, validation=0.1, seed=0)


@pytest.mark.parametrize("content", [b"", b"text", b"text" * 500, bytes(300), b"\xff" * 2000])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.tar").write_bytes(content)
    with pytest.raises(DataError, match=r"data\.tar is no tar archive|cut off"):
        scan(tmp_path / "data.tar", validation=0.1, seed=0)


def test_an_archive_without_images_is_answered_with_what_is_expected(tmp_path: Path) -> None:
    archive = write(tmp_path / "data.tar", {"README.md": b"hello"})
    with pytest.raises(DataError, match=r"there is no folder train in .*data\.tar; expected is"):
        scan(archive, validation=0.1, seed=0)


def test_other_files_are_answered_with_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "data.zip").touch()
    with pytest.raises(DataError, match=r"no file that ends in \.tar, \.csv, \.tsv, \.jsonl"):
        scan(tmp_path / "data.zip", validation=0.1, seed=0)
    for name in ("gone.tar", "gone.csv"):
        with pytest.raises(DataError, match=f"there is no file .*/{name}"):
            scan(tmp_path / name, validation=0.1, seed=0)
    with pytest.raises(DataError, match="cannot be read: File name too long"):
        scan(tmp_path / f"{'x' * 300}.csv", validation=0.1, seed=0)
    os.mkfifo(tmp_path / "pipe.tar")
    with pytest.raises(DataError, match=r"pipe\.tar is no file"):
        scan(tmp_path / "pipe.tar", validation=0.1, seed=0)


def test_an_archive_that_is_cut_off_anywhere_is_never_taken_for_a_whole_one(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.tar", two_classes()).read_bytes()
    with tarfile.open(tmp_path / "whole.tar") as tar:
        end = tar.getmembers()[-1].offset_data + tarfile.BLOCKSIZE
    cut = tmp_path / "cut.tar"
    for length in [*range(0, end, tarfile.BLOCKSIZE), *range(100, end, 1111), end, end + 511]:
        cut.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"cut off|is no tar archive|damaged near byte"):
            scan(cut, validation=0.1, seed=0)
    cut.write_bytes(whole[: end + tarfile.BLOCKSIZE])
    assert scan(cut, validation=0.1, seed=0).classes == ("a", "b")


def test_a_damaged_header_is_told_with_its_place(tmp_path: Path) -> None:
    archive = write(tmp_path / "data.tar", two_classes())
    data = bytearray(archive.read_bytes())
    with tarfile.open(archive) as tar:
        place = tar.getmembers()[5].offset
    data[place + 10] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DataError, match=f"is damaged near byte {place:,}; copy or download"):
        scan(archive, validation=0.1, seed=0)


def test_two_archives_in_one_file_are_not_read_as_the_first_one(tmp_path: Path) -> None:
    archive = write(tmp_path / "data.tar", two_classes())
    archive.write_bytes(archive.read_bytes() * 2)
    with pytest.raises(DataError, match="goes on after its end mark"):
        scan(archive, validation=0.1, seed=0)


def header(**changes: int | bytes) -> bytes:
    """A header with such fields, and a right checksum."""
    info = tarfile.TarInfo("a/1.png")
    for name, value in changes.items():
        setattr(info, name, value)
    data = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    return bytes(data)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("size", [-513, -512, -1024, -(2**40), 2**33, 2**60])
def test_sizes_below_zero_and_beyond_all_bounds_end_in_an_error(
    tmp_path: Path, kind: bytes, size: int
) -> None:
    archive = write(tmp_path / "data.tar", two_classes())
    whole = archive.read_bytes()
    for before in (b"", whole[: 3 * tarfile.BLOCKSIZE]):
        archive.write_bytes(before + header(size=size, type=kind) + whole)
        with pytest.raises(DataError, match=r"cut off|damaged|no tar archive"):
            scan(archive, validation=0.1, seed=0)


def test_a_header_is_not_read_that_would_fill_the_memory(tmp_path: Path) -> None:
    record = b"17000000 comment=".ljust(17_000_000 - 1, b"x") + b"\n"
    long = header(type=tarfile.XHDTYPE, size=len(record)) + record.ljust(17_000_448, b"\0")
    archive = write(tmp_path / "data.tar", two_classes())
    archive.write_bytes(long + archive.read_bytes())
    with pytest.raises(DataError, match="is no tar archive, or its beginning is damaged"):
        scan(archive, validation=0.1, seed=0)


def test_headers_inside_headers_without_end_are_an_error(tmp_path: Path) -> None:
    extended = header(type=tarfile.XHDTYPE, size=0)
    (tmp_path / "data.tar").write_bytes(header() + extended * 5000)
    with pytest.raises(DataError, match="damaged"):
        scan(tmp_path / "data.tar", validation=0.1, seed=0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_archive_breaks_the_reader(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    kind = data.draw(st.sampled_from(sorted(FORMATS)))
    with tarfile.open(folder / "data.tar", "w", format=FORMATS[kind]) as tar:
        for name, content in two_classes(3).items():
            info = tarfile.TarInfo(name if kind == "ustar" else f"{'long/' * 30}{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    changed = bytearray((folder / "data.tar").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        new = data.draw(st.binary(min_size=1, max_size=12))
        changed[place : place + len(new)] = new
    (folder / "data.tar").write_bytes(changed)
    with suppress(ParnetZooError):
        found = scan(folder / "data.tar", validation=0.3, test=0.3, seed=0)
        for path in (path for split in splits(found) for path in split.paths):
            path.read_bytes()


def pictures(folder: Path, count: int) -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    pixels = [generator.integers(0, 255, (SIZE, SIZE, 3), np.uint8) for _ in range(2 * count)]
    for number, picture in enumerate(pixels):
        path = folder / "ab"[number // count] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return pixels


@pytest.fixture
def packed(tmp_path: Path) -> tuple[list[ArchiveMember], list[NDArray[np.uint8]]]:
    """Forty pictures in an archive, and their pixels."""
    pixels = pictures(tmp_path / "data", 20)
    archive = Archive(pack(tmp_path / "data", tmp_path / "data.tar"))
    return [archive.members[name] for name in sorted(archive.members)], pixels


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_a_store_decodes_members_and_names_those_that_are_no_images(
    packed: tuple[list[ArchiveMember], list[NDArray[np.uint8]]], tmp_path: Path, cache: Cache
) -> None:
    members, pixels = packed
    broken = Archive(write(tmp_path / "broken.tar", {"c/x.png": b"no picture", "c/y.png": b""}))
    paths = [*members, *broken.members.values()]
    with ImageStore(
        paths, decode=lambda image: decode_image(image, SIZE), size=SIZE, cache=cache,
        directory=tmp_path,
    ) as store:  # fmt: skip
        store.prepare()
        batch, ok = store.batch(np.arange(42))
        assert [str(bad.path) for bad in store.unreadable] == [
            f"{tmp_path}/broken.tar/c/x.png", f"{tmp_path}/broken.tar/c/y.png",
        ]  # fmt: skip
    assert ok.tolist() == [True] * 40 + [False] * 2
    np.testing.assert_array_equal(batch[:40], pixels)


def test_threads_read_one_archive_at_once(
    packed: tuple[list[ArchiveMember], list[NDArray[np.uint8]]],
) -> None:
    members, pixels = packed
    order = np.random.default_rng(1).integers(0, 40, 2000)
    with ThreadPoolExecutor(8) as pool:
        decoded = pool.map(lambda n: decode_image(members[n].read_bytes(), SIZE), order)
        assert all(np.array_equal(pixels[n], got) for n, got in zip(order, decoded, strict=True))


def test_an_archive_that_becomes_shorter_has_unreadable_members(
    packed: tuple[list[ArchiveMember], list[NDArray[np.uint8]]], tmp_path: Path
) -> None:
    members, _ = packed
    os.truncate(tmp_path / "data.tar", members[5].offset)
    with ImageStore(
        members, decode=lambda image: decode_image(image, SIZE), size=SIZE, cache="none",
        directory=tmp_path,
    ) as store:  # fmt: skip
        bad = store.prepare()
        assert set(store.readable) < set(range(40))
    assert {item.reason for item in bad} == {f"{tmp_path}/data.tar has become shorter"}


def test_a_member_is_read_under_the_limits_of_a_file(tmp_path: Path) -> None:
    assert MOST_BYTES == MAX_BYTES + 1
    member = ArchiveMember(
        Archive(write(tmp_path / "data.tar", two_classes())), "a/1.png", 2**50, 0, pieces=()
    )
    with pytest.raises(ImageDecodeError, match="larger than 64 MB"):
        decode_image(encoded(member), SIZE)


def test_a_file_goes_to_the_decoder_as_its_path(tmp_path: Path) -> None:
    assert encoded(tmp_path / "gone.png") == tmp_path / "gone.png"


def test_the_archive_is_closed_when_nobody_needs_it_any_more(tmp_path: Path) -> None:
    archive = write(tmp_path.resolve() / "data.tar", two_classes())

    def is_open() -> bool:
        return archive in [path.resolve() for path in Path("/proc/self/fd").iterdir()]

    found = scan(archive, validation=0.2, seed=0)
    assert is_open()
    del found
    gc.collect()
    assert not is_open()
