"""What must hold between a recipe and the data, which is only known once that was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parnet_zoo.recipe.schema.findings import Finding
from parnet_zoo.recipe.schema.recipe import Recipe
from registry.field_path import FieldPath
from registry.schema_fields import near_key

_MIXING: FieldPath = ("augmentation", "mixing")
_SMOOTHING: FieldPath = ("label_smoothing",)
_WEIGHTS: FieldPath = ("class_weights",)
_ACCUMULATION: FieldPath = ("optimizer", "accumulation")
_BATCH: FieldPath = ("batch_size",)
_LIMIT: FieldPath = ("data", "limit")
_CLASSES_SHOWN = 20
_PAIR = 2


def data_findings(recipe: Recipe, classes: Sequence[str], train_images: int) -> list[Finding]:
    """What in a recipe contradicts the data; `LoadedRecipe.error` makes an error of it.

    Args:
        recipe: The recipe.
        classes: Names of the classes.
        train_images: Images to train on, without those of the other splits.
    """
    return [
        *_about_one_class(recipe, classes),
        *_about_class_weights(recipe, classes),
        *_about_updates(recipe, train_images),
    ]


def _about_one_class(recipe: Recipe, classes: Sequence[str]) -> Iterator[Finding]:
    if len(classes) >= _PAIR:
        return
    only = f"the data has one class only, {classes[0]}" if classes else "the data has no class"
    if recipe.augmentation.mixing is not None:
        message = f"labels are mixed with those of other classes, and {only}; remove it"
        yield Finding(_MIXING, message, (_MIXING,))
    if recipe.label_smoothing:
        message = f"labels are spread over all classes, and {only}; remove it"
        yield Finding(_SMOOTHING, message, (_SMOOTHING,))


def _about_class_weights(recipe: Recipe, classes: Sequence[str]) -> Iterator[Finding]:
    if not isinstance(recipe.class_weights, dict):
        return
    for name in recipe.class_weights:
        if name not in classes:
            path = (*_WEIGHTS, name)
            yield Finding(path, f"no class of the data is called so; {_near(name, classes)}",
                          (path, _WEIGHTS), at_key=True)  # fmt: skip


def _near(name: str, classes: Sequence[str]) -> str:
    shown = [*classes[:_CLASSES_SHOWN], *["..."][: len(classes) > _CLASSES_SHOWN]]
    near = near_key(name, classes)
    return near if near.startswith("did") else f"there are {', '.join(shown)}"


def _about_updates(recipe: Recipe, train_images: int) -> Iterator[Finding]:
    """An update that no epoch has images for; a smoke test has only a handful on purpose."""
    steps, batch = recipe.optimizer.accumulation, recipe.batch_size
    if steps > 1 and steps * batch > train_images and not recipe.smoke:
        fits = train_images // batch
        way_out = f"at most {fits} fit" if fits > 1 else "remove it, or take smaller batches"
        yield Finding(
            _ACCUMULATION,
            f"one update would take {steps} x {batch} = {steps * batch} images, more than the"
            f" {train_images} to train on; {way_out}",
            (_ACCUMULATION, _BATCH, _LIMIT),
        )
