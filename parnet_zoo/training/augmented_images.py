"""Some training images and what augmentation makes of them, drawn."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parnet_zoo.data.folder import ImageFolder, Split
from parnet_zoo.data.image_file import ImageFile, encoded
from parnet_zoo.data.plan import BatchPlan
from parnet_zoo.data.store import ImageStore
from parnet_zoo.errors import DataError
from parnet_zoo.recipe import Recipe
from parnet_zoo.serving.runtime import decode_image
from parnet_zoo.training.images import normalisation, stored_size

if TYPE_CHECKING:
    from parnet_zoo.data.training_batches import TrainingBatches
    from parnet_zoo.evaluation.figures.augmentation_grid import Band, Tile

ROWS = 6
"""Images that are shown one by one."""
FORMS = 7
"""Epochs that are shown at most."""
_IMAGES = 8
_MIXED = 3
_CANDIDATES = 64


@dataclass(frozen=True)
class Augmented:
    """What was drawn.

    Attributes:
        resolutions: Height and width of the images in each of the epochs, in pixels.
        mixed_epochs: The epochs of the mixed batches.
        images: The training images that were drawn.
    """

    resolutions: tuple[int, ...]
    mixed_epochs: tuple[int, ...]
    images: tuple[ImageFile, ...]


def draw_augmented(
    recipe: Recipe, folder: ImageFolder, path: Path, epochs: Sequence[int] | None = None
) -> Augmented:
    """Draw training images beside their forms in some epochs, and mixed batches if there are any.

    The pixels come out of the very pipeline that training uses. Nothing of what a training draws
    its random numbers from is touched.

    Args:
        recipe: With the augmentation.
        folder: With the training images.
        path: The PNG file.
        epochs: From 1; None spreads seven over the training.

    Raises:
        DataError: No image can be read.
        OSError: The PNG cannot be written there.
    """
    from parnet_zoo.evaluation.figures.augmentation_grid import augmentation_grid

    shown_epochs = spread_epochs(recipe.epochs) if epochs is None else tuple(epochs)
    with ExitStack() as opened, _without_advice():
        shown = _Shown.open(recipe, folder, _chosen(folder.train), opened)
        bands = [shown.forms(shown_epochs)]
        mixed_epochs = shown.mixed_epochs(shown_epochs)
        if mixed_epochs:
            bands.append(shown.mixed(mixed_epochs))
        title = f"{recipe.name}: training images as the network sees them"
        augmentation_grid(bands, title, path)
        sizes = tuple(shown.size(number) for number in shown_epochs)
        return Augmented(sizes, mixed_epochs, shown.split.paths)


@contextmanager
def _without_advice() -> Iterator[None]:
    """TensorFlow's logger, which finds that a pipeline an epoch is many, says only errors."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def spread_epochs(of: int) -> tuple[int, ...]:
    """At most seven epochs, from the first to the last, counted from 1."""
    return tuple(sorted({round(number) for number in np.linspace(1, of, FORMS)}))


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
