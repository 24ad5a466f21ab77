"""What a training is going to do, told before anything heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parnet_zoo.data.folder import ImageFolder, Split
from parnet_zoo.machine_memory import MachineMemory, machine_memory
from parnet_zoo.recipe import Recipe
from parnet_zoo.training.expected_time import ExpectedTime, expected_time
from parnet_zoo.training.memory import TrainingMemory
from parnet_zoo.training.method_lines import method_lines
from parnet_zoo.training.start_lines import start_lines
from parnet_zoo.training.time_lines import time_lines
from registry import Cost, SpecError

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
        machine: The memory that there is.
    """

    recipe: Recipe
    source: Path
    folder: ImageFolder
    cost: Cost | None
    store: str
    machine: MachineMemory

    @property
    def memory(self) -> TrainingMemory | None:
        """What it takes in memory; None for a family that cannot tell its cost."""
        if self.cost is None:
            return None
        images = len(self.folder.train) + len(self.folder.validation)
        classes = len(self.folder.classes)
        return TrainingMemory.of(self.recipe, self.cost, classes=classes, images=images)

    @property
    def memory_bytes(self) -> float | None:
        """Expected peak memory of the process, within about a third."""
        return self.memory.bytes if self.memory else None

    @property
    def expected(self) -> ExpectedTime | str:
        """The time that it takes on this machine, or why that cannot be told yet."""
        folder = self.folder
        return expected_time(
            self.recipe,
            self.cost,
            classes=len(folder.classes),
            train=len(folder.train),
            validation=len(folder.validation),
            test=len(folder.test) if folder.test else 0,
        )

    @property
    def misfit(self) -> tuple[str, str] | None:
        """The recipe's field that makes it too large for this machine by far, and why; or None."""
        memory, total = self.memory, self.machine.total
        if memory is None or memory.certain_bytes <= total:
            return None
        field, what_fits = memory.what_fits(self.machine.available)
        return field, (
            f"{_batch(self.recipe)} take about {memory.bytes / 1e9:,.1f} GB of memory, and"
            f" {self.machine.owner} has {total / 1e9:,.1f} GB; {what_fits}"
        )

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
            *(
                f"  {split.name:<14}{_counts(split, folder.classes)}; {split.origin}"
                for split in _splits(folder)
            ),
        ]
        if folder.test_is_validation:
            lines.append("  the test images are the validation images, as this recipe says")
        lines.append(f"network         {spec.name} at {spec.resolution} px{self._size()}")
        lines += start_lines(recipe, self.cost)
        lines.append(
            f"training        {_epochs(recipe)}, batches of {recipe.batch_size},"
            f" {recipe.optimizer.name} at {recipe.optimizer.learning_rate:g}, {recipe.precision}"
        )
        lines += method_lines(recipe)
        lines += self._memory_lines()
        lines += time_lines(recipe, self.expected)
        if folder.ignored:
            lines.append(f"ignored         {len(folder.ignored)} files that are no images")
        return lines

    def _memory_lines(self) -> list[str]:
        memory, left = self.memory, self.machine.available
        if memory is None:
            return []
        lines = [f"memory          about {memory.bytes / 1e9:,.1f} GB"]
        if memory.main_bytes > left:
            _, what_fits = memory.what_fits(left)
            lines.append(
                f"  warning: {self.machine.owner} has {left / 1e9:,.1f} GB left; {what_fits}"
            )
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
    return Plan(recipe, source, folder, cost, store, machine_memory())


def _epochs(recipe: Recipe) -> str:
    if recipe.time is not None:
        return f"as many epochs as fit into {recipe.time}"
    return "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"


def _batch(recipe: Recipe) -> str:
    spec, count = recipe.spec(), recipe.batch_size
    images = "1 image" if count == 1 else f"{count:,} images"
    return f"{images} of {spec.resolution} px in a step of {spec.name}"


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
