"""What a training is going to do, told before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.data.folder import ImageFolder, Split
from parnet_zoo.recipe import Recipe
from registry import Cost, SpecError

PROCESS_BYTES = 1.9e9
"""TensorFlow, MLflow, and what judging and registering take; from benchmarks/memory.py."""
BYTES_PER_PARAMETER = 16
"""float32 weight, gradient and the two moments of Adam."""
CLASSES_SHOWN = 12


@dataclass(frozen=True)
class Plan:
    """A training in numbers.

    Attributes:
        recipe: What is asked for.
        source: The file that the recipe was read from.
        folder: The images it will use.
        cost: Of the training form at the recipe's resolution, where the family can tell.
        store: MLflow tracking store, without passwords.
    """

    recipe: Recipe
    source: Path
    folder: ImageFolder
    cost: Cost | None
    store: str

    @property
    def memory_bytes(self) -> float | None:
        """Expected peak memory of the process, within about a third."""
        if self.cost is None:
            return None
        half = self.recipe.precision.startswith("mixed")
        activations = self.cost.activation_bytes * self.recipe.batch_size / (2 if half else 1)
        pixels = (len(self.folder.train.paths) + len(self.folder.validation.paths)) * 3
        cached = min(1.5e9, pixels * self.recipe.spec().resolution ** 2)
        weights = self.cost.parameters * BYTES_PER_PARAMETER
        return PROCESS_BYTES + weights + activations * 1.1 + cached

    def lines(self) -> list[str]:
        """The plan for a person to read."""
        recipe, spec = self.recipe, self.recipe.spec()
        folder = self.folder
        lines = [
            f"recipe          {self.source}",
            f"tracking store  {self.store}, experiment {recipe.experiment},"
            f" registered model {recipe.registered_name}",
            f"data            {folder.root}, {len(folder.classes)} classes:"
            f" {_names(folder.classes)}",
            *(f"  {split.name:<14}{_counts(split, folder.classes)}" for split in _splits(folder)),
        ]
        if recipe.data.validation == "test":
            lines.append("  the test images are the validation images, as this recipe says")
        lines.append(f"network         {spec.name} at {spec.resolution} px{self._size()}")
        epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
        lines.append(
            f"training        {epochs}, batches of {recipe.batch_size},"
            f" {recipe.optimizer.name} at {recipe.optimizer.learning_rate:g}, {recipe.precision}"
        )
        if self.memory_bytes is not None:
            lines.append(f"memory          about {self.memory_bytes / 1e9:.1f} GB")
        if folder.ignored:
            lines.append(f"ignored         {len(folder.ignored)} files that are no images")
        return lines

    def _size(self) -> str:
        if self.cost is None:
            return ""
        return (
            f": {self.cost.parameters / 1e6:.2f} M parameters in training form,"
            f" {self.cost.multiply_adds / 1e9:.3f} G multiply-adds an image"
        )


def make_plan(recipe: Recipe, source: Path, folder: ImageFolder, store: str) -> Plan:
    """Count what a recipe will take on these images."""
    spec = recipe.spec()
    try:
        cost = spec.cost(num_classes=len(folder.classes), form="training")
    except SpecError:  # a family that only knows its cost once it is built
        cost = None
    return Plan(recipe, source, folder, cost, store)


def _splits(folder: ImageFolder) -> list[Split]:
    return [folder.train, folder.validation, *([folder.test] if folder.test else [])]


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - CLASSES_SHOWN
    return ", ".join(names[:CLASSES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _counts(split: Split, classes: tuple[str, ...]) -> str:
    counts = split.counts(classes)
    total = f"{len(split.paths)} images"
    if len(classes) > CLASSES_SHOWN:
        return f"{total}, {min(counts.values())} to {max(counts.values())} of each class"
    return f"{total}; " + ", ".join(f"{name}: {count}" for name, count in counts.items())
