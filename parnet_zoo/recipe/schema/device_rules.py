"""What must hold between devices and batches."""

from collections.abc import Iterator

from parnet_zoo.recipe.schema.distribution import DistributionSection
from parnet_zoo.recipe.schema.findings import Finding
from registry.field_path import FieldPath

_STRATEGY: FieldPath = ("distribution", "strategy")
_DEVICES: FieldPath = ("distribution", "devices")
_SYNC: FieldPath = ("distribution", "sync_batch_norm")
_BATCH: FieldPath = ("batch_size",)


def check_distribution(distribution: DistributionSection, batch_size: int) -> Iterator[Finding]:
    """Several devices share every batch evenly, and what is only for several is asked of several.

    Args:
        distribution: The section.
        batch_size: Images of a step, of all devices together.
    """
    devices = distribution.devices
    if distribution.strategy != "mirrored":
        given = {_DEVICES: devices is not None, _SYNC: distribution.sync_batch_norm}
        for path in [path for path, is_given in given.items() if is_given]:
            message = (
                f"it is about several devices, and the strategy is {distribution.strategy}; remove"
                " it or use mirrored"
            )
            yield Finding(path, message, (path, _STRATEGY))
    elif devices is not None and batch_size % devices:
        yield Finding(
            _BATCH,
            f"{_images(batch_size)} cannot be shared evenly by {devices} devices; the nearest"
            f" {_nearest(batch_size, devices)}",
            (_BATCH, _DEVICES),
        )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _nearest(batch_size: int, devices: int) -> str:
    below = batch_size // devices * devices
    return f"are {below} and {below + devices}" if below else f"is {devices}"
