"""Where each augmentation's random numbers come from."""

from enum import IntEnum


class Stream(IntEnum):
    """Streams of `BatchPlan`, which start at 1; a number is never used for anything else.

    What one augmentation draws therefore stays the same when another one is switched on.
    """

    GEOMETRY_AND_BRIGHTNESS = 1
    RESIZED_CROP = 2
    COLOR_JITTER = 3
    RANDAUGMENT = 4
    ERASING = 5
    MIXING = 6
