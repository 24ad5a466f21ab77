"""What a model card tells, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SplitFacts:
    """The images of one split.

    Attributes:
        name: "train", "validation" or "test".
        images: How many there are, with the unreadable ones.
        unreadable: How many of them were left out.
        origin: How the split came to be, in words.
    """

    name: str
    images: int
    unreadable: int
    origin: str


@dataclass(frozen=True)
class ClassFacts:
    """One class.

    Attributes:
        name: As the user's folders have it.
        images: In each split, in the order of the splits.
        precision: On the images that the results are of.
        recall: Likewise.
        f1: Likewise.
    """

    name: str
    images: tuple[int, ...]
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class FileFacts:
    """A file of the version.

    Attributes:
        name: Its name.
        sha256: In hexadecimal.
        bytes: Its size.
    """

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class CardFacts:
    """All that the card says. No path of the machine that trained is in it.

    Attributes:
        name: Registered model.
        run_id: MLflow run.
        backbone: The network's name.
        family: Its kind.
        source: The paper or repository that defines it.
        paper: Web address of the paper; empty without one.
        limits: What the family cannot do, in a sentence; empty without limits.
        parameters: Of the network in training form; None where the family cannot tell.
        multiply_adds: For one image, likewise.
        resolution: Height and width of its input, pixels.
        resize: How pictures become squares, "stretch" or "crop".
        recipe: Its name.
        recipe_digest: SHA-256 of its content.
        description: What the user says about it.
        settings: Its main settings, by name.
        smoke: Whether it was only a trial.
        limit: `data.limit`.
        data: Name of the folder or list, without its path.
        data_digest: Of the images' names and sizes.
        splits: In the order train, validation, test.
        test_is_validation: Whether the test images steered the training too.
        classes: All of them.
        judged: The split that the results are of.
        metrics: The run's last ones, by name.
        machine: Where it was timed, in words.
        files: The version's, with checksums.
        versions: Of the most important packages, by name.
        trained: Day of the training, as 2026-11-24.
    """

    name: str
    run_id: str
    backbone: str
    family: str
    source: str
    paper: str
    limits: str
    parameters: int | None
    multiply_adds: int | None
    resolution: int
    resize: str
    recipe: str
    recipe_digest: str
    description: str
    settings: tuple[tuple[str, str], ...]
    smoke: bool
    limit: int | None
    data: str
    data_digest: str
    splits: tuple[SplitFacts, ...]
    test_is_validation: bool
    classes: tuple[ClassFacts, ...]
    judged: str
    metrics: dict[str, float | None]
    machine: str
    files: tuple[FileFacts, ...]
    versions: tuple[tuple[str, str], ...]
    trained: str
