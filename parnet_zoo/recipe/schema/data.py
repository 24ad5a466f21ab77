"""Which pictures are used, and how they are read."""

from typing import Annotated, Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import FilePath, FolderName

FILE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".tar")
"""Of what `root` may be besides a folder: lists, and an archive."""

Fraction = Annotated[float, Field(gt=0, lt=1)]


class DataSection(Section):
    """A folder of class folders, a list of files with their labels, or an archive of a folder."""

    root: FilePath | None = Field(
        default=None,
        description="The pictures, from the working directory: a folder with `train/CLASS/*` and"
        " perhaps `test/CLASS/*` in it, or with `CLASS/*` alone; a list of paths and labels,"
        " `.csv`, `.tsv` or `.jsonl`; or a `.tar` of such a folder. null means"
        " `datasets/<name of the recipe>`. The flag `--data` sets it.",
    )
    source: Literal["digits"] | None = Field(
        default=None,
        description="Data that is written to `root` first if it is not there: `digits` are"
        " scikit-learn's 1,797 handwritten digits.",
    )
    validation: Fraction | FolderName = Field(
        default=0.1,
        description="The part of `train` that is split off for validation, the same part of every"
        " class, drawn by `seed`; or the folder beside `train` that holds validation images.",
    )
    test: Fraction | FolderName | None = Field(
        default=None,
        description="The test images, looked at once at the end: the folder beside `train`, or the"
        " part of every class that is split off, drawn by `seed`; null takes the folder `test`"
        " where there is one, and splits off a tenth where the data comes without any splits.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=100_000_000,
        description="Most images of each split, the same number of each class; null takes all.",
    )
    resize: Literal["stretch", "crop"] = Field(
        default="stretch",
        description="How an image becomes a square: `stretch` changes its proportions, `crop` cuts"
        " the middle out.",
    )
    normalization: Literal["imagenet", "unit"] = Field(
        default="imagenet",
        description="What the network sees: `unit` is pixels / 255; `imagenet` also takes off"
        " ImageNet's mean and divides by its standard deviation.",
    )
    cache: Literal["auto", "memory", "disk", "none"] = Field(
        default="auto",
        description="Where decoded images are kept; `auto` chooses by their size.",
    )
    cache_gb: float | None = Field(
        default=None,
        gt=0,
        le=100_000,
        description="Most gigabytes that the cache may take; null leaves it to the machine: in"
        " memory at most 1.5 and half of what is free, on disk all but 2 of what is free.",
    )
    stored_resolution: int | None = Field(
        default=None,
        ge=8,
        le=4096,
        description="Height and width at which training images are kept before they are augmented;"
        " null: the network's. A larger one leaves detail for random crops and zoom.",
    )
