"""What must hold between the fields that scale a network."""

from collections.abc import Iterator

from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.scaling import ScalingSection
from registry.field_path import FieldPath

_WIDTH: FieldPath = ("model", "scaling", "width")
_CHANNELS: FieldPath = ("model", "scaling", "channels")
_MULTIPLE: FieldPath = ("model", "scaling", "multiple")


def check_scaling(scaling: ScalingSection | None) -> Iterator[Finding]:
    """Channels are given once, and rounded where they are computed."""
    if scaling is None:
        return
    if scaling.width is not None and scaling.channels is not None:
        message = "width and channels both set the channels; keep one of the two"
        yield Finding(_WIDTH, message, (_WIDTH, _CHANNELS))
    if scaling.multiple is not None and scaling.width is None:
        message = "it rounds what width gives; give width too, or remove it"
        yield Finding(_MULTIPLE, message, (_MULTIPLE, _WIDTH))
