"""What is odd about files, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISREG
from statistics import median

from parnet_zoo.data.check.finding import Finding, Severity
from parnet_zoo.data.check.look import Look
from parnet_zoo.data.check.sources import Source, SourceFile

LONGEST_SHAPE = 2.5
"""Longer side over shorter side from which an image is called long."""
_LARGE_PIXELS = 3_000_000
_LARGE_FACTOR = 4
_SMALL_FACTOR = 2
_COLOUR_PART = 0.5

_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "MPO": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k"),
}
_BEGINNINGS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
_PEEK = 16


@dataclass(frozen=True)
class _Usual:
    """What most images of the set are like, so that only the others are called odd."""

    side: float
    pixels: float
    suffix: str
    colourful: bool


def oddities(source: Source, looks: Sequence[Look]) -> Iterator[Finding]:
    """Say what is unreadable or odd, file by file.

    Args:
        source: What was looked at.
        looks: One for each of its files.
    """
    usual = _usual(source.files, looks)
    for file, look in zip(source.files, looks, strict=True):
        if look.problem is not None:
            kind = "empty" if not look.size else "unreadable"
            yield Finding(kind, "error", look.problem, (file.path,))
            continue
        for kind, severity, sentence in _of_one(file, look, usual):
            yield Finding(kind, severity, sentence, (file.path,))
    for path in source.ignored:
        yield _passed_over(path)


def _usual(files: Sequence[SourceFile], looks: Sequence[Look]) -> _Usual:
    good = [look for look in looks if look.problem is None]
    suffixes = Counter(_suffix(file) for file in files)
    return _Usual(
        side=median([min(look.width, look.height) for look in good] or [0]),
        pixels=median([look.width * look.height for look in good] or [0]),
        suffix=suffixes.most_common(1)[0][0] if suffixes else "",
        colourful=sum(not look.grey for look in good) >= _COLOUR_PART * len(good),
    )


def _suffix(file: SourceFile) -> str:
    return PurePosixPath(file.relative).suffix.lower()


_Odd = tuple[str, Severity, str]


def _of_one(file: SourceFile, look: Look, usual: _Usual) -> Iterator[_Odd]:
    yield from _of_name(file, look, usual)
    yield from _of_size(look, usual)
    yield from _of_pixels(look, usual)


def _of_name(file: SourceFile, look: Look, usual: _Usual) -> Iterator[_Odd]:
    suffix = _suffix(file)
    if suffix not in _SUFFIXES.get(look.format, (suffix,)):
        kind = "JPEG" if look.format == "MPO" else look.format
        yield "wrong_extension", "warning", f"named {suffix} but is {kind}; it is read as {kind}"
    elif suffix != usual.suffix:
        yield "other_extension", "note", f"{suffix} among {usual.suffix}"


def _of_size(look: Look, usual: _Usual) -> Iterator[_Odd]:
    short, long = sorted((look.width, look.height))
    shape = f"{look.width} x {look.height} pixels"
    if long > LONGEST_SHAPE * short:
        sentence = f"{shape}: the sides are as 1 to {long / short:.1f}, and become a square"
        yield "long", "note", sentence
    if short * _SMALL_FACTOR < usual.side:
        sentence = f"{shape}, where half of the images have {usual.side:.0f} and more on a side"
        yield "small", "note", sentence
    pixels = look.width * look.height
    if pixels > max(_LARGE_PIXELS, _LARGE_FACTOR * usual.pixels):
        yield "very_large", "note", f"{shape}: it takes long to read"


def _of_pixels(look: Look, usual: _Usual) -> Iterator[_Odd]:
    if look.flat:
        yield "blank", "warning", "one colour and next to nothing else in it"
    elif look.grey and usual.colourful:
        how = "though stored in colour" if look.mode not in _GREY_MODES else "and stored so"
        yield "grey", "note", f"grey, {how}, among images in colour"
    if look.mode in _MODES:
        kind, sentence = _MODES[look.mode]
        yield kind, "note", sentence
    elif look.mode.startswith("I;16"):
        yield "sixteen_bits", "note", "16-bit grey, scaled to 8 bits"
    if look.animated:
        yield "animated", "note", "several pictures in one file; the first is used"
    if look.turned:
        yield "turned", "note", "its EXIF data says that it lies; it is turned upright when read"


_GREY_MODES = ("1", "L", "LA", "I")
_MODES = {
    "CMYK": ("cmyk", "CMYK, converted to RGB without its colour profile"),
    "RGBA": ("transparent", "with transparency, laid over white"),
    "LA": ("transparent", "with transparency, laid over white"),
    "PA": ("transparent", "with transparency, laid over white"),
    "P": ("palette", "with a palette of at most 256 colours"),
    "1": ("black_white", "black and white without grey levels"),
    "I": ("sixteen_bits", "16-bit grey, scaled to 8 bits"),
}


def _passed_over(path: Path) -> Finding:
    """A file that training does not look at, and whether it should."""
    if S_ISDIR(_mode(path)):
        return Finding(
            "passed_over", "note", "a hidden folder, which training passes over", (path,)
        )
    known = {suffix for suffixes in _SUFFIXES.values() for suffix in suffixes}
    if not path.name.startswith(".") and path.suffix.lower() in known:
        return _no_class(path)
    kind = None if path.name.startswith(".") else _format_of(path)
    if kind is not None:
        suffix = path.suffix or "no extension"
        sentence = f"a {kind} named with {suffix}, which training passes over; rename it to use it"
        return Finding("misnamed", "warning", sentence, (path,))
    return Finding("passed_over", "note", "no image by its name; training passes it over", (path,))


def _mode(path: Path) -> int:
    """Its kind; 0 for what is not there, and for a link to where this process may not look."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def _no_class(path: Path) -> Finding:
    """What is an image by its name, but not one that training finds."""
    if S_ISREG(_mode(path)):
        sentence = "an image outside any class folder, which training passes over"
        return Finding("outside", "warning", sentence, (path,))
    sentence = (
        "no file in a class folder that can be opened, though named as an image: perhaps a link"
        " that leads nowhere; training passes it over"
    )
    return Finding("no_file", "warning", sentence, (path,))


def _format_of(path: Path) -> str | None:
    """An image format by the first bytes of a file; None for any other and for what is no file."""
    if not S_ISREG(_mode(path)):
        return None
    try:
        with path.open("rb") as file:
            start = file.read(_PEEK)
    except OSError:
        return None
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for magic, kind in _BEGINNINGS.items() if start.startswith(magic)), None)
