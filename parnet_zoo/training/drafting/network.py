"""Which network, at which resolution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import registry
from parnet_zoo.training.drafting.fitted import Fitted
from parnet_zoo.training.drafting.machine import Machine
from parnet_zoo.training.drafting.pictures import Pictures

SMALL_PICTURES = 48
"""Below so many pixels the stem that halves the image twice would leave too little of it."""
SMALLEST, LARGEST = 32, 224
"""Below it, the last of a small stem's maps would have less than 4 x 4 places; above it, none of
the networks was published."""
WIDTHS = (
    ("parnet_s", 0.25, 0),
    ("parnet_s", 0.5, 500),
    ("parnet_s", 0.75, 3_000),
    ("parnet_s", 1.0, 8_000),
    ("parnet_m", 1.0, 50_000),
    ("parnet_l", 1.0, 200_000),
)
"""Network, factor on its channels, and the training pictures that it should have."""
SEEN = 300_000
"""Pictures that a training from random weights goes through if the time is there: epochs times
pictures."""
FEWEST_EPOCHS, MOST_EPOCHS = 12, 100
ENOUGH = 0.6
"""Part of these epochs for which a larger network or resolution is worth the rest."""
_BALANCE = 0.5


@dataclass(frozen=True)
class Option:
    """A network at a resolution.

    Attributes:
        name: Registered network.
        width: Factor on its channels.
        stem: Of the network.
        stride: Of the network.
        resolution: Height and width of the images.
        fitted: What it takes.
    """

    name: str
    width: float
    stem: str
    stride: int
    resolution: int
    fitted: Fitted

    @property
    def channels(self) -> float:
        """Of the first stream."""
        return self.width * registry.get(self.name).widths[0]

    @property
    def worth(self) -> float:
        """The more, the better it may become: pixels and channels, and of neither far too much."""
        pixels = math.log(self.resolution * (4 if self.stem == "small" else 1) / 128)
        channels = math.log(self.channels / 48)
        return pixels + channels - _BALANCE * (pixels - channels) ** 2


@dataclass(frozen=True)
class Fitting:
    """What fits best, and what would have been next.

    Attributes:
        best: To be taken.
        sharper: The same network at the next resolution, where the pictures have it.
        wider: The next network at the same resolution, where the pictures are enough for it.
        wanted: Epochs that would be good.
    """

    best: Option
    sharper: Option | None
    wider: Option | None
    wanted: int


def fit_network(pictures: Pictures, machine: Machine, seconds: float) -> Fitting:
    """Take the network and resolution of most worth that leave enough epochs in the time.

    Args:
        pictures: What is to be learnt.
        machine: What it is learnt on.
        seconds: Time for the whole training.
    """
    wanted = wanted_epochs(pictures.train)
    options = list(_options(pictures, machine, seconds, wanted))
    roomy = [option for option in options if option.fitted.fits_memory]
    enough = [option for option in roomy if option.fitted.epochs >= ENOUGH * wanted]
    best = max(enough, key=lambda option: option.worth) if enough else _cheapest(roomy or options)
    sharper = [o for o in options if _same(o, best) and o.resolution > best.resolution]
    wider = [o for o in options if o.resolution == best.resolution and o.channels > best.channels]
    return Fitting(
        best,
        min(sharper, key=lambda option: option.resolution, default=None),
        min(wider, key=lambda option: option.channels, default=None),
        wanted,
    )


def wanted_epochs(train: int) -> int:
    """Epochs of so many training pictures after which more of them would bring little."""
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(SEEN / train)))


def _cheapest(options: list[Option]) -> Option:
    return min(options, key=lambda one: (-one.fitted.epochs, one.fitted.memory, one.resolution))


def _same(one: Option, other: Option) -> bool:
    return (one.name, one.width) == (other.name, other.width)


def _options(pictures: Pictures, machine: Machine, seconds: float, wanted: int) -> Iterator[Option]:
    stem = "small" if pictures.short_side < SMALL_PICTURES else "imagenet"
    for name, width, needed in WIDTHS:
        if pictures.train < needed:
            continue
        stride = registry.get(name).scaled(stem=stem).stride
        for side in _sides(pictures.short_side, stride, stem):
            fitted = Fitted.of(
                _model(name, width, stem, side),
                _smaller_first(side, stride, stem),
                pictures=pictures,
                machine=machine,
                seconds=seconds,
                wanted=wanted,
            )
            yield Option(name, width, stem, stride, side, fitted)


def _sides(short_side: int, stride: int, stem: str) -> list[int]:
    """Resolutions for which half of the pictures need not be enlarged, at least one."""
    if stem == "small":
        return [max(SMALLEST, round(short_side / stride) * stride)]
    most = min(LARGEST, max(short_side, 2 * stride))
    return list(range(2 * stride, most + 1, stride))


def _model(name: str, width: float, stem: str, side: int) -> dict[str, Any]:
    scaling: dict[str, Any] = {}
    if width != 1:
        scaling["width"] = width
    if stem == "small":
        scaling["stem"] = stem
    section: dict[str, Any] = {"name": name, "resolution": side}
    return section | ({"scaling": scaling} if scaling else {})


def _smaller_first(side: int, stride: int, stem: str) -> list[dict[str, Any]]:
    """Images of two thirds of the side for the first half; none for small ones."""
    smaller = round(side * 2 / 3 / stride) * stride
    if stem == "small" or not stride < smaller < side:
        return []
    return [{"until": 0.5, "resolution": smaller}]
