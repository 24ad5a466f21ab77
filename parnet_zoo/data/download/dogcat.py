"""Microsoft's archive of cats and dogs as a folder of training and test images."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.download.safe_zip import SafeZip
from parnet_zoo.data.download.unpacked import Unpacked
from parnet_zoo.errors import DataError

TEST_PART = 6
"""Every sixth image of a class, by the hash of its name, is a test image."""
_MEMBER = re.compile(r"PetImages/(Cat|Dog)/(\d{1,9})\.jpg")
_LARGEST_IMAGE = 32 * 2**20
_AT_ONCE = 64
_UNREADABLE = "corrupt or no image"
_COPY = "copy of another image"
_CONTRADICTION = "labelled both cat and dog"


def unpack_dogcat(
    archive: Path,
    folder: Path,
    *,
    largest: int,
    decode: Callable[[bytes], NDArray[np.uint8]],
    progress: Callable[[int, int], None],
) -> Unpacked:
    """Write `folder/train/{cat,dog}/*.jpg` and `folder/test/{cat,dog}/*.jpg`, byte for byte.

    Members that cannot be decoded are left out. So are copies: the archive holds some photographs
    several times, and one on either side of the split would be trained on and tested.

    Args:
        archive: The zip.
        folder: To write to; empty.
        largest: Bytes that all members together may have.
        decode: Raises for what is no image; it runs in several threads.
        progress: Called with members done and members in all.

    Raises:
        DataError: The archive is damaged, hostile or another one.
        OSError: The folder cannot be written.
    """
    result = Unpacked(folder)
    with SafeZip(archive, largest=largest) as source:
        names = [name for name in source.names if _MEMBER.fullmatch(name)]
        _write(source, sorted(names, key=_place), result, decode, progress)
    for label in ("cat", "dog"):
        _split(label, result)
    if any(not count for counts in result.images.values() for count in counts.values()):
        raise DataError(
            f"{archive.name} has too few images: expected are PetImages/Cat/*.jpg and"
            " PetImages/Dog/*.jpg"
        )
    return result


def _place(name: str) -> tuple[str, int]:
    label, number = _parts(name)
    return label, int(number)


def _parts(name: str) -> tuple[str, str]:
    found = _MEMBER.fullmatch(name)
    if found is None:
        raise ValueError(name)
    return found[1].lower(), found[2]


def _write(
    source: SafeZip,
    names: list[str],
    result: Unpacked,
    decode: Callable[[bytes], NDArray[np.uint8]],
    progress: Callable[[int, int], None],
) -> None:
    """Write every usable member into `train`."""
    kept: dict[str, Path | None] = {}
    for done, (name, data) in enumerate(_usable(source, names, decode), start=1):
        progress(done, len(names))
        if data is None:
            result.drop(_UNREADABLE, name)
            continue
        label, number = _parts(name)
        path = result.folder / "train" / label / f"{label}.{number}.jpg"
        digest = hashlib.sha256(data).hexdigest()
        if digest not in kept:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            kept[digest] = path
            continue
        first = kept[digest]
        if first is not None and first.parent == path.parent:
            result.drop(_COPY, name)
            continue
        result.drop(_CONTRADICTION, name)
        if first is not None:  # no one knows which label is right
            first.unlink()
            result.drop(_CONTRADICTION, _member_of(first))
            kept[digest] = None


def _member_of(path: Path) -> str:
    label, number, _ = path.name.split(".")
    return f"PetImages/{label.capitalize()}/{number}.jpg"


def _usable(
    source: SafeZip, names: list[str], decode: Callable[[bytes], NDArray[np.uint8]]
) -> Iterator[tuple[str, bytes | None]]:
    """Each member with its bytes, or with None where they are no image; few are held at once."""

    def checked(data: bytes | None) -> bytes | None:
        if data is None:
            return None
        try:
            decode(data)
        except Exception:  # whatever a decoder makes of a broken file
            return None
        return data

    with ThreadPoolExecutor(worker_count(), thread_name_prefix="unpack") as pool:
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            read = [source.read(name, largest=_LARGEST_IMAGE) for name in some]
            yield from zip(some, pool.map(checked, read), strict=True)


def _split(label: str, result: Unpacked) -> None:
    """Move the test images of a class, the same whatever else there is, out of `train`."""
    train, test = (result.folder / split / label for split in ("train", "test"))
    test.mkdir(parents=True, exist_ok=True)
    paths = sorted(
        train.glob("*.jpg"), key=lambda path: hashlib.sha256(path.name.encode()).digest()
    )
    chosen = paths[: len(paths) // TEST_PART]
    for path in chosen:
        path.rename(test / path.name)
    result.images.setdefault("train", {})[label] = len(paths) - len(chosen)
    result.images.setdefault("test", {})[label] = len(chosen)
