"""Training images as the network is going to see them, drawn without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parnet_zoo.data.digits import write_digits
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import ImageFolder, scan
from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.errors import UsageError
from parnet_zoo.recipe import Recipe, load_recipe
from parnet_zoo.training.augmented_images import FORMS, ROWS, draw_augmented, spread_epochs
from parnet_zoo.training.png_path import png_path
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.silence import import_quietly

__all__ = ["ROWS", "Preview", "preview"]


@dataclass(frozen=True)
class Preview:
    """What was drawn.

    Attributes:
        path: The PNG file.
        epochs: The epochs of the augmented forms, from 1.
        resolutions: Height and width of the images in each of them, in pixels.
        mixed_epochs: The epochs of the mixed batches.
        images: The training images that were drawn.
    """

    path: Path
    epochs: tuple[int, ...]
    resolutions: tuple[int, ...]
    mixed_epochs: tuple[int, ...]
    images: tuple[ImageFile, ...]

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "path": escaped(self.path),
            "epochs": list(self.epochs),
            "resolutions": list(self.resolutions),
            "mixed_epochs": list(self.mixed_epochs),
            "images": [escaped(image) for image in self.images],
        }


def preview(
    recipe: str | Path,
    out: str | Path = "preview.png",
    *,
    epoch: int | None = None,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    **changes: Any,
) -> Preview:
    """Draw a few training images with what the recipe's augmentation makes of them.

    The pixels come out of the very pipeline that training uses, at each epoch's resolution. A run
    draws its random numbers for all its images, so it varies these ones otherwise, as strongly.

    Args:
        recipe: A file, or the name of a shipped recipe.
        out: The PNG file to write.
        epoch: The first of the epochs that are shown, from 1; None spreads them over the training.
        overrides: Fields to change, as `"augmentation.rotation=20"`.
        quiet: Show no progress.
        **changes: As `train` takes them.

    Returns:
        What was drawn.

    Raises:
        RecipeError: The recipe is wrong.
        DataError: The images are missing, or none can be read.
        UsageError: There is no such epoch, or the PNG cannot be written there.
    """
    checked, path = load_recipe(recipe, overrides, **changes).recipe, png_path(out)
    epochs = _epochs(checked.epochs, epoch)
    folder = _folder(checked)
    progress = Progress(quiet=quiet)
    progress.say("loading TensorFlow")
    import_quietly()
    try:
        drawn = draw_augmented(checked, folder, path, epochs)
    except OSError as error:
        raise UsageError(f"{escaped(path)} cannot be written: {error.strerror}") from error
    progress.say(f"drawn: {escaped(path)}")
    return Preview(path, epochs, drawn.resolutions, drawn.mixed_epochs, drawn.images)


def _epochs(of: int, first: int | None) -> tuple[int, ...]:
    """The epochs to show, from 1."""
    if first is None:
        return spread_epochs(of)
    if not 1 <= first <= of:
        raise UsageError(f"--epoch {first}: the recipe has the epochs 1 to {of}")
    return tuple(range(first, min(first + FORMS, of + 1)))


def _folder(recipe: Recipe) -> ImageFolder:
    if recipe.data.source == "digits":
        write_digits(recipe.data_root)
    return scan(
        recipe.data_root,
        validation=recipe.data.validation,
        test=recipe.data.test,
        seed=recipe.seed,
        limit=recipe.data.limit,
    )
