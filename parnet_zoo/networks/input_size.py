"""Which images a network takes, and one sentence about those that do not fit."""

from __future__ import annotations

from collections.abc import Sequence

from registry import SpecError

Sides = tuple[int | None, int | None]
ImageShape = tuple[int | None, int | None, int]
IMAGE_RANK, BATCH_RANK = 3, 4


def image_shape_of(
    shape: Sequence[int | None] | None, *, channels: int, stride: int, name: str
) -> ImageShape:
    """The image shape that a network is built for.

    Args:
        shape: (height, width, channels); None leaves a side open, or both where it stands alone.
        channels: Channels of the spec.
        stride: Both sides must be multiples of it.
        name: The network's.

    Raises:
        SpecError: It is no such triple, has other channels, or a side does not fit; the message
            gives the nearest size that does.
    """
    if shape is None:
        return None, None, channels
    if len(shape) != IMAGE_RANK:
        raise SpecError(
            f"{name}: image_shape is (height, width, {channels}), with None for a side that is"
            f" left open, not {tuple(shape)}"
        )
    height, width, given = shape
    if given != channels:
        raise SpecError(
            f"{name} takes images with in_channels={channels}, but image_shape {tuple(shape)} has"
            f" {given}; derive a spec with spec.scaled(in_channels={given})"
        )
    check_sides((height, width), stride=stride, name=name)
    return height, width, channels


def check_batch(shape: Sequence[int | None] | None, *, stride: int, name: str) -> None:
    """Refuse a batch of images (n, h, w, c) that does not fit; sides not known yet are let pass.

    Raises:
        SpecError: A side is no multiple of the stride.
    """
    if shape is not None and len(shape) == BATCH_RANK:
        check_sides((shape[1], shape[2]), stride=stride, name=name)


def check_sides(sides: Sides, *, stride: int, name: str) -> None:
    """Refuse a height or width that is no multiple of the stride; None is any.

    Raises:
        SpecError: In one sentence with the nearest size that fits.
    """
    known = [side for side in sides if side is not None]
    if all(side >= stride and side % stride == 0 for side in known):
        return
    nearest = [
        None if side is None else max(stride, round(side / stride) * stride) for side in sides
    ]
    raise SpecError(
        f"{name} takes images whose height and width are multiples of {stride}, not"
        f" {_shown(sides)}; the nearest size that fits is {_shown(nearest)}"
    )


def _shown(sides: Sequence[int | None]) -> str:
    return " x ".join("any" if side is None else str(side) for side in sides)
