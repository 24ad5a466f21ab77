"""Which random changes fit the pictures."""

from __future__ import annotations

from parnet_zoo.training.drafting.draft import Draft
from parnet_zoo.training.drafting.mirrored import why_not_mirrored
from parnet_zoo.training.drafting.network import SMALL_PICTURES
from parnet_zoo.training.drafting.pictures import Pictures

_LONG, _ERASED, _MIXED = 20, 30, 40
"""Epochs from which on stronger changes pay."""
_MANY = 2_000
"""Training pictures from which on mixing them pays."""


def choose_augmentation(draft: Draft, pictures: Pictures, epochs: int, batch_size: int) -> None:
    """Choose the fields of `augmentation`.

    Args:
        draft: Where they go.
        pictures: What they change.
        epochs: Of the training: the longer it is, the more changes it needs and bears.
        batch_size: Images a step.
    """
    fixed = why_not_mirrored(pictures.classes)
    if fixed is None:
        mirrored = "a class stays what it is in the mirror, as far as its name tells"
        draft.choose("augmentation.horizontal_flip", True, mirrored)
    else:
        draft.choose("augmentation.horizontal_flip", False, fixed)
    if fixed is not None or pictures.short_side < SMALL_PICTURES:
        _gentle(draft, pictures, fixed is not None)
    else:
        _photographs(draft, epochs)
    if not pictures.grey:
        _colours(draft, fixed is not None)
    if epochs >= _ERASED and fixed is None:
        erased = f"{epochs} epochs are long enough to learn from pictures with a part missing"
        draft.choose("augmentation.erasing", {"probability": 0.25, "area": [0.02, 0.2]}, erased)
    if epochs >= _MIXED and pictures.train >= _MANY and batch_size > 1:
        mixed = (
            f"{epochs} epochs over {pictures.train:,} training pictures: mixed ones keep them from"
            " being learnt by heart; the last tenth of the training is unmixed"
        )
        strengths = {"mixup": 0.2, "cutmix": 1.0, "probability": 0.5, "until": 0.9}
        draft.choose("augmentation.mixing", strengths, mixed)


def _gentle(draft: Draft, pictures: Pictures, signs: bool) -> None:
    small = f"gentle, since the pictures have about {pictures.short_side} px"
    why = "gentle, since shape and place of strokes are what matters" if signs else small
    draft.choose("augmentation.rotation", 10, why)
    draft.choose("augmentation.width_shift", 0.1)
    draft.choose("augmentation.height_shift", 0.1)
    draft.choose("augmentation.zoom", 0.1)


def _photographs(draft: Draft, epochs: int) -> None:
    least = 0.35 if epochs >= _LONG else 0.5
    crop = (
        f"a random part of at least {least:.0%} of the picture, blown up to the whole; the longer"
        " the training, the smaller it may be"
    )
    draft.choose("augmentation.resized_crop", {"area": [least, 1.0]}, crop)
    draft.choose("augmentation.rotation", 10)


def _colours(draft: Draft, signs: bool) -> None:
    strength = 0.1 if signs else 0.2
    light = "light and cameras differ"
    changes = {"brightness": strength, "contrast": strength, "saturation": strength}
    draft.choose("augmentation.color_jitter", changes, light)
