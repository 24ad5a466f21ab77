"""Where a public data set comes from, and what its archive must be."""

from __future__ import annotations

from dataclasses import dataclass

from parnet_zoo.errors import UsageError


@dataclass(frozen=True)
class Origin:
    """One archive.

    Attributes:
        name: Of the data set; its folder's name too.
        url: Of the archive.
        archive: Name of the archive's file.
        sha256: Of the archive, in hexadecimal; what differs is not unpacked.
        size: Bytes of the archive; None where it is not known.
        largest: Bytes that an archive may have at most.
        unpacked: Bytes that the images may have at most, all together.
        about: What it is, whose, and under which terms.
    """

    name: str
    url: str
    archive: str
    sha256: str
    size: int | None
    largest: int
    unpacked: int
    about: str


_CATS_AND_DOGS = """\
Photographs of cats and dogs: J. Elson, J. Douceur, J. Howell and J. Saul, "Asirra: A CAPTCHA that
Exploits Interest-Aligned Manual Image Categorization", ACM CCS 2007, as published by Microsoft
(https://www.microsoft.com/en-us/download/details.aspx?id=54765), whose terms apply.
"""
_CIFAR = """\
CIFAR-10: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, as published
at https://www.cs.toronto.edu/~kriz/cifar.html.
"""
_ORIGINS = (
    Origin(
        name="dogcat",
        url="https://download.microsoft.com/download/3/e/1/3e1c3f21-ecdb-4869-8368-6deba77b919f/"
        "kagglecatsanddogs_5340.zip",
        archive="kagglecatsanddogs_5340.zip",
        # As recorded by Hugging Face's `datasets` and by GoMLX; Microsoft publishes none.
        sha256="b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9",
        size=824_887_076,
        largest=900_000_000,
        unpacked=1_500_000_000,
        about=_CATS_AND_DOGS,
    ),
    Origin(
        name="cifar10",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        archive="cifar-10-binary.tar.gz",
        # As recorded by MLDatasets.jl and others for the file whose MD5, as published, is
        # c32a1d4ab5d03f1284b67883e8d87530.
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        size=170_052_171,
        largest=200_000_000,
        unpacked=400_000_000,
        about=_CIFAR,
    ),
)


def origin_of(name: str) -> Origin:
    """The origin of a data set by its name.

    Raises:
        UsageError: There is no such data set.
    """
    for origin in _ORIGINS:
        if origin.name == name:
            return origin
    names = ", ".join(origin.name for origin in _ORIGINS)
    raise UsageError(f"there is no data set {name!r} to download; there are {names}")
