"""What must hold between the fields about data."""

from collections.abc import Iterator

from parnet_zoo.recipe.schema.data import FILE_SUFFIXES, DataSection
from parnet_zoo.recipe.schema.findings import Finding
from registry.field_path import FieldPath

_ROOT: FieldPath = ("data", "root")
_SOURCE: FieldPath = ("data", "source")
_VALIDATION: FieldPath = ("data", "validation")
_TEST: FieldPath = ("data", "test")
_CACHE: FieldPath = ("data", "cache")
_CACHE_GB: FieldPath = ("data", "cache_gb")


def check_data(data: DataSection) -> Iterator[Finding]:
    """Three splits with no image in two of them, and a cache that is there."""
    yield from _splits(data)
    root = (data.root or "").lower()
    if data.source is not None and root.endswith(FILE_SUFFIXES):
        message = f"{data.source} are written as a folder of pictures; name a folder in data.root"
        yield Finding(_SOURCE, message, (_SOURCE, _ROOT))
    if data.cache == "none" and data.cache_gb is not None:
        message = "nothing is cached, so there is nothing to limit; remove it or change data.cache"
        yield Finding(_CACHE_GB, message, (_CACHE_GB, _CACHE))


def _splits(data: DataSection) -> Iterator[Finding]:
    validation, test = data.validation, data.test
    if validation == "train":
        message = (
            "training images cannot validate the training; give another folder, or a part of train"
            " such as 0.1"
        )
        yield Finding(_VALIDATION, message, (_VALIDATION,))
    if test == "train":
        message = (
            "training images cannot test the training; give another folder, or a part such as 0.1"
        )
        yield Finding(_TEST, message, (_TEST,))
    # `validation: test` is how a recipe says on purpose that it validates on the test images.
    elif isinstance(test, str) and test == validation != "test":
        message = (
            f"the folder {test} validates the training, so it cannot test it as well; give another"
            " folder, or say it on purpose with validation: test"
        )
        yield Finding(_TEST, message, (_TEST, _VALIDATION))
    if isinstance(test, float) and isinstance(validation, float) and test + validation >= 1:
        message = (
            f"{validation:g} for validation and {test:g} for the test leave nothing to train on;"
            " together they must be less than 1"
        )
        yield Finding(_TEST, message, (_TEST, _VALIDATION))
