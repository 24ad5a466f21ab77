"""A public data set, from its origin to a folder that training takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from parnet_zoo.data.download.connection import check_url
from parnet_zoo.data.download.fetch import fetch
from parnet_zoo.data.download.origin import Origin, origin_of
from parnet_zoo.data.download.source_text import SOURCE, Source, read_source, source_text
from parnet_zoo.data.download.unpacked import Unpacked
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.whole_folder import whole_folder
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.training.progress import Progress
from parnet_zoo.user_path import user_path

RESERVE = 200_000_000
"""Bytes of the disk that stay free."""
_SHA256 = 64
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Downloaded:
    """A data set in a folder.

    Attributes:
        name: Of the data set.
        folder: With `train/CLASS/*` and `test/CLASS/*` in it.
        url: Where the archive came from.
        sha256: Of the archive.
        train: Training images of each class.
        test: Test images of each class.
        dropped: Members of the archive that were left out, by reason.
        already_there: Whether the folder had been there before.
    """

    name: str
    folder: Path
    url: str
    sha256: str
    train: dict[str, int]
    test: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)
    already_there: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {**asdict(self), "folder": escaped(self.folder)}


def download_data(
    name: str,
    to: str | Path | None = None,
    *,
    url: str | None = None,
    sha256: str | None = None,
    quiet: bool = False,
) -> Downloaded:
    """Download, check and unpack a public data set; a folder that is complete is left as it is.

    Args:
        name: "dogcat" or "cifar10".
        to: The folder to make; `datasets/NAME` where it is None.
        url: A mirror of the archive.
        sha256: Of the mirror's archive, where that is another than the origin's.
        quiet: Show no progress.

    Returns:
        Where it is, and what is in it.

    Raises:
        UsageError: There is no such data set, or an argument makes no sense.
        DataError: It cannot be had, or is not what it should be, or the disk is full.
    """
    origin = _origin(name, url, sha256)
    folder = user_path(to if to is not None else Path("datasets") / origin.name)
    if folder.name in ("", ".."):  # nothing can be kept beside a folder without a name
        folder = folder.resolve()
    progress = Progress(quiet=quiet)
    # Beside the folder, which may be on another disk than the working directory.
    keep = folder.parent / f".{folder.name}-download"
    try:
        there = _already_there(origin, folder)
        if there is not None:
            return there
        with _alone(keep):
            return _downloaded(origin, folder, keep, progress)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{escaped(folder)} cannot be used: {reason}") from error


def _origin(name: str, url: str | None, sha256: str | None) -> Origin:
    origin = origin_of(name)
    if url is not None:
        check_url(url)
        origin = replace(origin, url=url)
    if sha256 is not None:
        if url is None:
            raise UsageError(
                "--sha256 is for the archive of another address; give that with --from"
            )
        digest = sha256.lower()
        if len(digest) != _SHA256 or set(digest) - set("0123456789abcdef"):
            raise UsageError(f"--sha256 {sha256}: a SHA-256 has {_SHA256} hexadecimal digits")
        origin = replace(origin, sha256=digest, size=None)
    return origin


def _already_there(origin: Origin, folder: Path) -> Downloaded | None:
    """What a folder holds already; None where there is nothing, DataError for something else."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    source = read_source(folder / SOURCE)
    counts = {
        split: {path.name: _entries(path) for path in (folder / split).glob("*")}
        for split in ("train", "test")
    }
    if source is None or source.name != origin.name or counts != source.images:
        raise DataError(
            f"{escaped(folder)} exists but is not the whole of {origin.name}; remove it, or choose"
            " another folder with --to"
        )
    return _described(source, folder, already_there=True)


def _described(source: Source, folder: Path, *, already_there: bool) -> Downloaded:
    return Downloaded(
        name=source.name,
        folder=folder,
        url=source.url,
        sha256=source.sha256,
        train=source.images["train"],
        test=source.images["test"],
        dropped=source.dropped,
        already_there=already_there,
    )


def _entries(path: Path) -> int:
    """How many a folder has; -1 for what is none."""
    return sum(1 for _ in path.iterdir()) if path.is_dir() else -1


@contextmanager
def _alone(keep: Path) -> Iterator[None]:
    """Hold the folder of the part, so that no second process writes to it."""
    import fcntl

    keep.mkdir(parents=True, exist_ok=True)
    with (keep / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DataError(
                "another process is downloading this data set; let it finish"
            ) from error
        yield


def _downloaded(origin: Origin, folder: Path, keep: Path, progress: Progress) -> Downloaded:
    there = _already_there(origin, folder)  # the process that held the lock before has made it
    if there is not None:
        return there
    _check_room(origin, keep)
    progress.say(f"downloading {origin.url}")
    with _bytes_shown(progress, origin) as shown:
        archive = fetch(origin, keep, progress=shown, say=progress.say)
    progress.say(f"{archive.name}: sha256 {origin.sha256}, as it should be")
    with whole_folder(folder) as partial_folder:
        unpacked = _unpack(origin, archive, partial_folder, progress)
        source = Source(
            name=origin.name,
            url=origin.url,
            sha256=origin.sha256,
            images=unpacked.images,
            dropped={reason: len(names) for reason, names in unpacked.dropped.items()},
        )
        (partial_folder / SOURCE).write_text(source_text(origin, source, unpacked), "utf-8")
    shutil.rmtree(keep, ignore_errors=True)
    return _described(source, folder, already_there=False)


def _check_room(origin: Origin, keep: Path) -> None:
    have = sum(path.stat().st_size for path in keep.iterdir())
    needed = max((origin.size or 0) - have, 0) + origin.unpacked + RESERVE
    free = shutil.disk_usage(keep).free
    if free < needed:
        raise DataError(
            f"{origin.name} needs {needed / 1e9:.1f} GB in {escaped(keep.parent)} while it is made,"
            f" and {free / 1e9:.1f} GB are free; make room, or choose another disk with --to"
        )


@contextmanager
def _bytes_shown(progress: Progress, origin: Origin) -> Iterator[Any]:
    """Show megabytes; how many there are may only be known from the first answer."""
    with ExitStack() as task:
        update: Any = None

        def shown(done: int, total: int | None) -> None:
            nonlocal update
            if update is None:
                size = total or origin.size or done
                title = f"{origin.archive}, MB"
                update = task.enter_context(progress.task(title, -(-size // _MEGABYTE)))
            update(done // _MEGABYTE, "")

        yield shown


def _unpack(origin: Origin, archive: Path, folder: Path, progress: Progress) -> Unpacked:
    from parnet_zoo.data.download.cifar10 import IMAGES, unpack_cifar10
    from parnet_zoo.data.download.dogcat import unpack_dogcat
    from parnet_zoo.serving.runtime import decode_image

    most = IMAGES if origin.name == "cifar10" else 25_000
    with progress.task("writing images", most) as update:
        if origin.name == "cifar10":
            return unpack_cifar10(
                archive,
                folder,
                largest=origin.unpacked,
                progress=lambda done, _total: update(done, ""),
            )
        return unpack_dogcat(
            archive,
            folder,
            largest=origin.unpacked,
            decode=partial(decode_image, size=64),
            progress=lambda done, _total: update(done, ""),
        )
