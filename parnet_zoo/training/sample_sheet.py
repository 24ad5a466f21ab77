"""Which images of a checked set are drawn, and how they are framed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from parnet_zoo.data.check.finding import Finding
from parnet_zoo.data.check.look import Look
from parnet_zoo.data.check.sources import Source, SourceFile
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.errors import UsageError
from parnet_zoo.evaluation.figures.class_samples import COLUMNS, Frame, Sample, class_samples
from parnet_zoo.serving.runtime import ImageDecodeError, decode_image

MOST_CLASSES = 20
_SUSPICIOUS = 5
"""Of a class' images at most, so that ordinary ones are seen beside them."""
_SIDE = 150
_RANKS: dict[Frame, int] = {"error": 0, "warning": 1, "note": 2}


def sample_sheet(
    source: Source, looks: Sequence[Look], findings: Sequence[Finding], path: Path
) -> None:
    """Draw images of each class, the most suspicious ones first, as training sees them.

    The ordinary ones are drawn by the hashes of their bytes: the same on every call.

    Args:
        source: The images.
        looks: One for each of its files.
        findings: Of the check.
        path: The PNG file.

    Raises:
        UsageError: It cannot be written.
    """
    worst = _worst(findings)
    members: dict[str, list[tuple[SourceFile, Look]]] = {name: [] for name in source.classes}
    for file, look in zip(source.files, looks, strict=True):
        members[file.label].append((file, look))
    rows = [
        (_title(name, members[name]), [_sample(file, worst) for file in _chosen(files, worst)])
        for name, files in list(members.items())[:MOST_CLASSES]
    ]
    title = f"{escaped(source.root)}: {len(source.files):,} images, {len(members)} classes"
    try:
        class_samples(rows, title, path, left_out=len(members) - len(rows))
    except OSError as error:
        raise UsageError(
            f"--samples {escaped(path)}: it cannot be written there: {error.strerror}"
        ) from error


_Worst = dict[ImageFile, tuple[Frame, str]]


def _worst(findings: Sequence[Finding]) -> _Worst:
    """The worst that was found of each file, in a word; findings come with the worst first."""
    worst: _Worst = {}
    for finding in findings:
        for path in finding.paths:
            worst.setdefault(path, (finding.severity, finding.kind.replace("_", " ")))
    return worst


def _title(name: str, files: Sequence[tuple[SourceFile, Look]]) -> str:
    bad = sum(look.problem is not None for _, look in files)
    unreadable = f", {bad:,} unreadable" if bad else ""
    images = "image" if len(files) == 1 else "images"
    return f"{escaped(name)}: {len(files):,} {images}{unreadable}"


def _chosen(files: Sequence[tuple[SourceFile, Look]], worst: _Worst) -> list[SourceFile]:
    """Suspicious images of as many kinds as there are, then ordinary ones."""
    of_kind: dict[str, int] = {}
    suspicious: list[tuple[int, int, SourceFile]] = []
    ordinary: list[tuple[str, SourceFile]] = []
    for file, look in files:
        if file.path in worst:
            frame, kind = worst[file.path]
            of_kind[kind] = of_kind.get(kind, 0) + 1
            suspicious.append((of_kind[kind], _RANKS[frame], file))
        else:
            ordinary.append((hashlib.sha256(look.sha256.encode()).hexdigest(), file))
    # The first of every kind, by rank, then the second of every kind.
    suspicious.sort(key=lambda item: item[:2])
    ordinary.sort(key=lambda item: item[0])
    room = max(_SUSPICIOUS, COLUMNS - len(ordinary))
    first = [file for _, _, file in suspicious[:room]]
    return [*first, *(file for _, file in ordinary[: COLUMNS - len(first)])]


def _sample(file: SourceFile, worst: _Worst) -> Sample:
    frame, caption = worst.get(file.path, (None, escaped(file.path.name)))
    try:
        pixels = decode_image(encoded(file.path), _SIDE)
    except (ImageDecodeError, OSError):
        return Sample(None, caption, frame or "error")
    return Sample(pixels, caption, frame)
