"""Training images as the network is going to see them, drawn without training."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.digits import write_digits
from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import ImageFolder, Split, scan
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.data.plan import BatchPlan
from parnet_zoo.data.store import ImageStore
from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.recipe import Recipe, load_recipe
from parnet_zoo.serving.runtime import decode_image
from parnet_zoo.training.images import normalisation, stored_size
from parnet_zoo.training.png_path import png_path
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.silence import import_quietly

if TYPE_CHECKING:
    from parnet_zoo.data.training_batches import TrainingBatches
    from parnet_zoo.evaluation.figures.augmentation_grid import Band, Tile

ROWS = 6
"""Images that are shown one by one."""
_IMAGES = 8
_FORMS = 7
_MIXED = 3
_CANDIDATES = 64


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
    chosen = _chosen(folder.train)
    progress = Progress(quiet=quiet)
    progress.say("loading TensorFlow")
    import_quietly()
    from parnet_zoo.evaluation.figures.augmentation_grid import augmentation_grid

    with ExitStack() as opened:
        shown = _Shown.open(checked, folder, chosen, opened)
        bands = [shown.forms(epochs)]
        mixed_epochs = shown.mixed_epochs(epochs)
        if mixed_epochs:
            bands.append(shown.mixed(mixed_epochs))
        title = f"{checked.name}: training images as the network sees them"
        try:
            augmentation_grid(bands, title, path)
        except OSError as error:
            raise UsageError(f"{escaped(path)} cannot be written: {error.strerror}") from error
        progress.say(f"drawn: {escaped(path)}")
        sizes = tuple(shown.size(number) for number in epochs)
        return Preview(path, epochs, sizes, mixed_epochs, shown.split.paths)


def _epochs(of: int, first: int | None) -> tuple[int, ...]:
    """The epochs to show, from 1."""
    if first is None:
        return tuple(sorted({round(number) for number in np.linspace(1, of, _FORMS)}))
    if not 1 <= first <= of:
        raise UsageError(f"--epoch {first}: the recipe has the epochs 1 to {of}")
    return tuple(range(first, min(first + _FORMS, of + 1)))


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


def _chosen(train: Split) -> Split:
    """Readable training images of as many classes as there is room for, evenly from each."""
    of_class = [np.flatnonzero(train.labels == label) for label in np.unique(train.labels)]
    # The middle of each class first: the beginnings of lists are often alike.
    turned = [np.roll(numbers, -(len(numbers) // 2)) for numbers in of_class]
    numbers = [n for some in zip_longest(*turned) for n in some if n is not None]
    kept = list(islice(filter(partial(_readable, train), numbers[:_CANDIDATES]), _IMAGES))
    if not kept:
        raise DataError(
            f"none of {min(len(train), _CANDIDATES)} training images can be read; parnet-zoo data"
            " check says why"
        )
    return Split("train", tuple(train.paths[number] for number in kept), train.labels[kept])


def _readable(train: Split, number: int) -> bool:
    try:
        decode_image(encoded(train.paths[number]), 8)
    except (OSError, ValueError):  # ImageDecodeError is one
        return False
    return True


@dataclass(frozen=True)
class _Shown:
    """The chosen images, and the batches that are made of them: each is a whole epoch."""

    recipe: Recipe
    classes: tuple[str, ...]
    split: Split
    store: ImageStore
    batches: TrainingBatches

    @classmethod
    def open(cls, recipe: Recipe, folder: ImageFolder, split: Split, opened: ExitStack) -> _Shown:
        from parnet_zoo.data.training_batches import TrainingBatches

        size = stored_size(split, recipe)
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        store = ImageStore(
            split.paths,
            decode=partial(decode_image, size=size, resize=recipe.data.resize),
            size=size,
            cache="memory",
            directory=directory,
        )
        opened.callback(store.close)
        store.prepare()
        mean, std = normalisation(recipe)
        batches = TrainingBatches(
            store,
            split.labels,
            classes=len(folder.classes),
            batch_size=len(split),
            seed=recipe.seed,
            augmentation=recipe.augmentation,
            smoothing=recipe.label_smoothing,
            mean=mean,
            std=std,
        )
        return cls(recipe, folder.classes, split, store, batches)

    def size(self, epoch: int) -> int:
        """Height and width of the images of an epoch, which counts from 1."""
        from parnet_zoo.training.batch_feed import BatchFeed

        return BatchFeed(self.batches, self.recipe).size(epoch - 1, self.recipe.epochs)

    def mixed_epochs(self, epochs: Sequence[int]) -> tuple[int, ...]:
        """Some of the epochs in which images are mixed."""
        mixing = self.recipe.augmentation.mixing
        if mixing is None or not (mixing.mixup or mixing.cutmix):
            return ()
        last = mixing.until * self.recipe.epochs
        return tuple(number for number in epochs if number - 1 < last)[:_MIXED]

    def forms(self, epochs: Sequence[int]) -> Band:
        """Each image as it is, and in its forms of several epochs."""
        from parnet_zoo.evaluation.figures.augmentation_grid import Band, Tile

        plain, _ = self.store.batch(np.arange(len(self.split)))
        rows = [[Tile(pixels)] for pixels in plain[:ROWS]]
        for epoch in epochs:
            pixels, _ = self._batch(epoch, mixed=False)
            for row, image in zip(rows, pixels, strict=False):
                row.append(Tile(image))
        heads = [f"as stored, {self.store.size} px"]
        heads += [f"epoch {epoch}, {self.size(epoch)} px" for epoch in epochs]
        return Band("Each row: one image, and what augmentation makes of it", heads, rows)

    def mixed(self, epochs: Sequence[int]) -> Band:
        """Whole batches, with the labels that they are trained towards."""
        from parnet_zoo.evaluation.figures.augmentation_grid import Band

        rows = [self._labelled(epoch) for epoch in epochs]
        numbers = ", ".join(map(str, epochs))
        return Band(f"A mixed batch each of epochs {numbers}, with soft labels", (), rows)

    def _labelled(self, epoch: int) -> list[Tile]:
        from parnet_zoo.evaluation.figures.augmentation_grid import Tile

        pixels, targets = self._batch(epoch, mixed=True)
        return [Tile(image, self._label(row)) for image, row in zip(pixels, targets, strict=True)]

    def _label(self, target: NDArray[np.float32]) -> str:
        best = np.argsort(-target, kind="stable")[:2]
        return ", ".join(f"{self.classes[i]} {target[i]:.2f}" for i in best if target[i] > 0)

    def _batch(self, epoch: int, *, mixed: bool) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Pixels and targets of an epoch, in the order of the images."""
        step = epoch - 1
        dataset = self.batches.from_step(step, size=self.size(epoch), mixed=mixed)
        pixels, targets = next(iter(dataset))
        count = len(self.split)
        order = BatchPlan(count, np.arange(count), batch_size=count, seed=self.recipe.seed).batch(
            step
        )
        places = np.argsort(order)
        mean, std = normalisation(self.recipe)
        seen = 255 * (pixels.numpy() * np.asarray(std) + np.asarray(mean))
        bytes_ = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
        return bytes_[places], targets.numpy()[places]
