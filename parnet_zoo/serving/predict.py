"""Classifying files: which files are meant, and one answer or reason for each, in order."""

import glob
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.listing import IMAGE_SUFFIXES
from parnet_zoo.serving.runtime import Answer, Classifier, ImageDecodeError
from parnet_zoo.user_path import user_path

_BATCH = 16


@dataclass(frozen=True)
class Prediction:
    """A picture's answer."""

    path: Path
    answer: Answer


@dataclass(frozen=True)
class Failure:
    """Why there is no answer.

    Attributes:
        path: A file, or a folder or pattern that holds no pictures.
        reason: A sentence without the path.
    """

    path: Path
    reason: str


_Decoded: TypeAlias = tuple[Path, NDArray[np.uint8]]


def expand(images: Iterable[str | Path]) -> Iterator[Path | Failure]:
    """Turn files, folders and patterns into files, keeping their order.

    A folder means all pictures in it and below, by their suffixes, sorted by path; hidden files and
    folders are left out. A pattern (`*`, `?`, `[...]`, `**`) means what it matches, sorted, unless
    a file has this very name. Anything else is a file, whatever its suffix, and whether it exists
    or not.

    Args:
        images: As given on a command line.

    Yields:
        Paths; and a Failure for a folder without pictures or a pattern without matches.
    """
    for image in images:
        path = user_path(image)
        if glob.has_magic(str(path)) and not _is(path, Path.exists):
            yield from _matches(path)
        else:
            yield from _files(path)


def predict_paths(
    classifier: Classifier, paths: Iterable[Path | Failure], top_k: int = 5
) -> Iterator[Prediction | Failure]:
    """Classify files in small batches: memory does not grow with their number.

    Args:
        classifier: From `load`.
        paths: From `expand`; failures are handed on in their place.
        top_k: Labels in each answer.

    Yields:
        One outcome for each path, in order.
    """
    waiting: list[_Decoded | Failure] = []
    for path in paths:
        waiting.append(path if isinstance(path, Failure) else _decode(classifier, path))
        if len(waiting) == _BATCH:
            yield from _outcomes(classifier, waiting, top_k)
            waiting = []
    yield from _outcomes(classifier, waiting, top_k)


def _is(path: Path, kind: Callable[[Path], bool]) -> bool:
    """`path.is_dir()` and the like, but False for what cannot be a path (too long, a NUL)."""
    try:
        return kind(path)
    except (OSError, ValueError):
        return False


def _matches(pattern: Path) -> Iterator[Path | Failure]:
    matches = sorted(glob.glob(str(pattern), recursive=True))  # noqa: PTH207  # absolute patterns
    if not matches:
        yield Failure(pattern, "no file matches this pattern")
    for match in matches:
        yield from _files(Path(match))


def _files(path: Path) -> Iterator[Path | Failure]:
    if not _is(path, Path.is_dir):
        yield path
        return
    found = sorted(file for file in path.rglob("*") if _is_picture(file, path))
    if not found:
        yield Failure(path, "this folder holds no pictures")
    yield from found


def _is_picture(file: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
    return not hidden and file.suffix.lower() in IMAGE_SUFFIXES and _is(file, Path.is_file)


def _decode(classifier: Classifier, path: Path) -> _Decoded | Failure:
    try:
        return path, classifier.decode(path)
    except ImageDecodeError as error:
        return Failure(path, str(error))


def _outcomes(
    classifier: Classifier, batch: Sequence[_Decoded | Failure], top_k: int
) -> Iterator[Prediction | Failure]:
    pixels = [item[1] for item in batch if not isinstance(item, Failure)]
    answers: Iterator[Answer] = iter(())
    if pixels:
        answers = iter(classifier.answers(classifier.probabilities(np.stack(pixels)), top_k))
    for item in batch:
        yield item if isinstance(item, Failure) else Prediction(item[0], next(answers))
