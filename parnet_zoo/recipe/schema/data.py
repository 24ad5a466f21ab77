"""Which pictures are used, and how they are read."""

from typing import Annotated, Literal

from pydantic import Field

from parnet_zoo.recipe.schema.section import Section
from parnet_zoo.recipe.schema.texts import FilePath, FolderName

Fraction = Annotated[float, Field(gt=0, lt=1)]


class DataSection(Section):
    """A folder `train/CLASS/*.jpg` with, if there is one, `test/CLASS/*.jpg`."""

    root: FilePath | None = Field(
        default=None,
        description="The folder with `train`, from the working directory; null means"
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
