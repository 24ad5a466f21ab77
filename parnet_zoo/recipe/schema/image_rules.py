"""What must hold between the sizes of images, and between their random changes."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from parnet_zoo.data.augmentation_spec import AugmentationSpec
from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.progressive import ProgressiveStage
from registry import BackboneSpec
from registry.field_path import FieldPath

_NETWORK: tuple[FieldPath, ...] = (("model", "name"), ("model", "spec"))
_MODEL: tuple[FieldPath, ...] = (("model", "resolution"), *_NETWORK, ("model", "scaling"))
"""What the network's resolution and stride follow from."""
_STORED: FieldPath = ("data", "stored_resolution")
_PROGRESSIVE: FieldPath = ("progressive",)
_MIXING: FieldPath = ("augmentation", "mixing")
_JITTER: FieldPath = ("augmentation", "color_jitter")


def check_stages_in_order(stages: Sequence[ProgressiveStage]) -> Iterator[Finding]:
    """Each stage of progressive sizes ends after the one before it."""
    for number, (before, stage) in enumerate(pairwise(stages), start=1):
        if stage.until <= before.until:
            path = (*_PROGRESSIVE, number, "until")
            message = (
                f"{stage.until:g} is not after {before.until:g}, where the stage before it ends;"
                " put the stages in ascending order"
            )
            yield Finding(path, message, (path, (*_PROGRESSIVE, number - 1, "until")))


def check_sizes(
    stages: Sequence[ProgressiveStage], stored: int | None, spec: BackboneSpec
) -> Iterator[Finding]:
    """The network takes the progressive sizes, and images are kept at no smaller one than its own.

    Args:
        stages: Of the progressive sizes.
        stored: Side of the stored images in pixels, if given.
        spec: The network at its resolution.
    """
    if stages and spec.fixed_resolution:
        message = (
            f"{spec.name} takes images of one size only, {spec.resolution} pixels; remove it, or"
            " take a network without such a limit"
        )
        yield Finding(_PROGRESSIVE, message, (_PROGRESSIVE, *_NETWORK))
    else:
        for number, stage in enumerate(stages):
            path = (*_PROGRESSIVE, number, "resolution")
            if message := _misfit(stage.resolution, spec):
                yield Finding(path, message, (path, *_MODEL))
    if stored is not None and stored < spec.resolution:
        message = (
            f"images kept at {stored} pixels have less detail than the network's"
            f" {spec.resolution}; give at least {spec.resolution}, or remove it"
        )
        yield Finding(_STORED, message, (_STORED, *_MODEL))


def _misfit(resolution: int, spec: BackboneSpec) -> str:
    if not spec.fits(resolution):
        nearest = spec.nearest_resolution(resolution)
        return (
            f"{resolution} pixels do not fit; the nearest size that {spec.name} takes is {nearest}"
        )
    if resolution > spec.resolution:
        return (
            f"{resolution} pixels are more than the network's {spec.resolution}, which come last;"
            " give smaller ones, or raise model.resolution"
        )
    return ""


def check_augmentation(augmentation: AugmentationSpec, batch_size: int) -> Iterator[Finding]:
    """What is asked for changes something."""
    mixing, jitter = augmentation.mixing, augmentation.color_jitter
    kinds: tuple[FieldPath, ...] = ((*_MIXING, "mixup"), (*_MIXING, "cutmix"))
    if mixing is not None and not (mixing.mixup or mixing.cutmix):
        message = "neither mixup nor cutmix is above 0, so nothing is mixed; set one, or remove it"
        yield Finding(_MIXING, message, (_MIXING, *kinds))
    elif mixing is not None and batch_size == 1:
        message = "images are mixed within a batch, and a batch of 1 has no pair; remove it"
        yield Finding(_MIXING, message, (_MIXING, *kinds, ("batch_size",)))
    if jitter is not None and not any(jitter.model_dump().values()):
        message = f"no strength is above 0; set one of {', '.join(type(jitter).model_fields)}"
        inside = tuple((*_JITTER, key) for key in type(jitter).model_fields)
        yield Finding(_JITTER, message, (_JITTER, *inside))
