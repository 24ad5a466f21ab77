"""All augmentations of single images, as a recipe has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.data.augmenting import geometry, randaugment, resized_crop
from parnet_zoo.data.augmenting.brightness import BrightnessChange
from parnet_zoo.data.augmenting.change import Change, Uniforms
from parnet_zoo.data.augmenting.color_jitter import JitterChange
from parnet_zoo.data.augmenting.erasing import ErasingChange
from parnet_zoo.data.augmenting.hue import HueChange
from parnet_zoo.data.augmenting.resampling import Resampling
from parnet_zoo.data.augmenting.streams import Stream


class Stage(NamedTuple):
    """A part of what is done to a batch.

    Attributes:
        function: From pixels and some of the drawn arrays to pixels.
        arrays: How many of those it takes, of the ones that are left.
    """

    function: Callable[..., Any]
    arrays: int


class Augmentation:
    """What a spec does to images of one size that become images of another.

    First come RandAugment's operations on colours, on the stored images. Then one resampling does
    all that moves pixels: random crop, geometry, RandAugment's geometric operations and the change
    of size. Brightness, colour jitter and erasing follow.

    Drawing (numpy, a few numbers an image) and doing (TensorFlow, in stages) are apart, so that
    what is compiled once serves every batch. What the spec leaves off is in neither.

    Args:
        spec: The strengths; `mixing`, which takes a whole batch, is not done here.
        stored: Height and width of the images in pixels.
        size: Of the result.

    Attributes:
        stored: As given.
        size: As given.
    """

    def __init__(self, spec: AugmentationSpec, *, stored: int, size: int) -> None:
        self._spec = spec
        self.stored = stored
        self.size = size
        self._resampling = self._needed_resampling()
        self._factor = BrightnessChange(*spec.brightness) if spec.brightness else None
        self._rest = list(_changes(spec, size))

    def draw(self, images: NDArray[np.uint8], uniforms: Uniforms) -> list[NDArray[Any]]:
        """Draw what happens to each image of a batch; the stages take these arrays as they are.

        Args:
            images: Shape (n, stored, stored, 3).
            uniforms: Their random numbers.

        Returns:
            The images, perhaps in other colours, and arrays whose first axis is the images' too;
            how many depends on the spec.
        """
        choices = None
        if self._spec.randaugment is not None:
            choices = randaugment.choose(self._spec.randaugment, uniforms)
            images = randaugment.recolored(images, choices, self._spec.randaugment.magnitude)
        drawn: list[NDArray[Any]] = [images]
        if self._resampling is not None:
            drawn += self._resampling.places(self._maps(uniforms, choices))
        if self._factor is not None:
            drawn.append(self._factor.draw(uniforms))
        return drawn + [change.draw(uniforms) for change in self._rest]

    @property
    def stages(self) -> list[Stage]:
        """What is done with TensorFlow, to be compiled by XLA stage by stage.

        Within a stage XLA computes a pixel anew wherever it is used, which is right for a factor
        and wrong for a resampling, or a hue, that is looked at three times: hence the borders.

        The first takes images, shape (n, stored, stored, 3), uint8, all of it static; the last
        gives shape (n, size, size, 3), float32, 0 to 255.
        """
        resampling = self._resampling
        stages = [Stage(resampling.halved, 0)] if resampling and resampling.levels[1] else []
        if resampling or self._factor or not self._rest:
            arrays = resampling.arrays if resampling else 0
            stages.append(Stage(self._placed, arrays + bool(self._factor)))
        return stages + [Stage(partial(_changed, change), 1) for change in self._rest]

    def _placed(self, pixels: Any, *drawn: Any) -> Any:
        """Resample, and multiply on the way."""
        import tensorflow as tf

        if self._resampling is None:
            pixels = tf.cast(pixels, tf.float32)
        else:
            pixels = self._resampling.read(pixels, *drawn[: self._resampling.arrays])
        return self._factor.apply(pixels, drawn[-1]) if self._factor else pixels

    def _needed_resampling(self) -> Resampling | None:
        spec = self._spec
        moved = geometry.moves(spec) or spec.resized_crop or spec.randaugment
        if self.size == self.stored and not moved:
            return None
        low, high = geometry.scales(spec)
        if spec.resized_crop is not None:
            low, high = low * spec.resized_crop.area[0], high * spec.resized_crop.area[1]
        square = (self.stored / self.size) ** 2
        return Resampling.between(self.stored, self.size, (low * square, high * square))

    def _maps(self, uniforms: Uniforms, choices: randaugment.Choices | None) -> NDArray[np.float64]:
        """From pixels of the result to pixels of the image: crop * geometry * RandAugment.

        What geometry moves into the picture from beyond a crop's edge is what the image has there.
        """
        spec = self._spec
        numbers = uniforms(Stream.GEOMETRY_AND_BRIGHTNESS, geometry.NUMBERS)
        maps = geometry.geometry_maps(spec, numbers, self.size)
        if choices is not None and spec.randaugment is not None:
            magnitude = spec.randaugment.magnitude
            maps = maps @ randaugment.operation_maps(choices, magnitude, self.size)
        parts = resized_crop.whole_image(len(maps))
        if spec.resized_crop is not None:
            numbers = uniforms(Stream.RESIZED_CROP, resized_crop.NUMBERS)
            parts = resized_crop.crop_parts(spec.resized_crop, numbers)
        return resized_crop.crop_maps(parts, self.stored, self.size) @ maps


def _changes(spec: AugmentationSpec, size: int) -> Iterator[Change]:
    """What is done to pixels after resampling and brightness, in its order."""
    jitter = spec.color_jitter
    if jitter is not None and (jitter.brightness or jitter.contrast or jitter.saturation):
        yield JitterChange(jitter)
    if jitter is not None and jitter.hue:
        yield HueChange(jitter.hue)
    if spec.erasing is not None:
        yield ErasingChange(spec.erasing, size)


def _changed(change: Change, pixels: Any, drawn: Any) -> Any:
    import tensorflow as tf

    return change.apply(tf.cast(pixels, tf.float32), drawn)
