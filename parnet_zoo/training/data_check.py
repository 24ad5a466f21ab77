"""A whole check of a set of pictures: with training's own decoder, in several threads."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.check.look import LOOKED_AT, Look, look_at
from parnet_zoo.data.check.quarantine import Quarantine, condemned, restore
from parnet_zoo.data.check.report import CheckReport, make_report
from parnet_zoo.data.check.sources import SourceFile, find_files
from parnet_zoo.data.cores import worker_count
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.errors import UsageError
from parnet_zoo.serving.runtime import MAX_BYTES, decode_image
from parnet_zoo.training.png_path import png_path
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.sample_sheet import sample_sheet
from parnet_zoo.user_path import user_path

_CHUNK = 32


def check_data(
    path: str | Path,
    *,
    quarantine: str | Path | None = None,
    quarantine_duplicates: bool = False,
    restore_from: str | Path | None = None,
    samples: str | Path | None = None,
    quiet: bool = False,
) -> CheckReport:
    """Look at every picture of a set, and say what is wrong with it.

    It takes sets that training refuses, and says why they are refused.

    Args:
        path: A folder, list or archive, as `data.root` of a recipe.
        quarantine: A folder that files which cannot be read are moved to.
        quarantine_duplicates: Whether spare exact copies go there too.
        restore_from: A quarantine whose files are moved back first.
        samples: A PNG to draw: images of every class, the suspicious ones framed.
        quiet: Show no progress.

    Returns:
        The report; what was moved is still in its counts.

    Raises:
        DataError: There is nothing to check, or a file cannot be moved.
        UsageError: The quarantine or the place of the PNG does not fit.
    """
    root, progress = user_path(path), Progress(quiet=quiet)
    sheet = None if samples is None else png_path(samples, "--samples ")
    aside = None if quarantine is None else _quarantine(user_path(quarantine), root)
    if restore_from is not None:
        back = restore(user_path(restore_from), root)
        progress.say(f"{len(back)} files moved back from {escaped(user_path(restore_from))}")
    # Pillow's remarks on odd metadata; what makes an image unreadable is reported by name.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    source = find_files(root)
    looks = _looks(source.files, progress)
    report = make_report(source, looks)
    if sheet is not None:
        sample_sheet(source, looks, report.findings, sheet)
        progress.say(f"drawn: {escaped(sheet)}")
    if aside is None:
        return report
    moved = tuple(aside.move(condemned(report.findings, copies=quarantine_duplicates)))
    return replace(report, moved=moved)


def _quarantine(folder: Path, root: Path) -> Quarantine:
    if root.exists() and not root.is_dir():
        raise UsageError(
            f"--quarantine moves files out of a folder, and {escaped(root)} is a file; name the bad"
            " files in it with --json"
        )
    return Quarantine(folder, root)


def _looks(files: Sequence[SourceFile], progress: Progress) -> list[Look]:
    """Look at all files, in threads; what is kept of an image is less than a kilobyte."""
    looks: list[Look | None] = [None] * len(files)
    decode = partial(decode_image, size=LOOKED_AT)

    def look_at_some(numbers: range) -> int:
        for number in numbers:
            looks[number] = _look(files[number].path, decode)
        return len(numbers)

    starts = range(0, len(files), _CHUNK)
    with (
        ThreadPoolExecutor(worker_count(), thread_name_prefix="check") as pool,
        progress.task("checking images", len(files)) as update,
    ):
        jobs = [
            pool.submit(look_at_some, range(start, min(start + _CHUNK, len(files))))
            for start in starts
        ]
        done = 0
        try:
            for job in as_completed(jobs):
                done += job.result()
                update(done, "")
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [look for look in looks if look is not None]


def _look(path: ImageFile, decode: Callable[[bytes], NDArray[np.uint8]]) -> Look:
    try:
        return look_at(_read(path), decode)
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        return Look("", -1, reason)


def _read(image: ImageFile) -> bytes:
    """The file's bytes, or so many of them that the decoder says it is too large."""
    if not isinstance(image, Path):
        return image.read_bytes()
    with image.open("rb") as file:
        return file.read(MAX_BYTES + 1)
