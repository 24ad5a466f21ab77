"""What a comparison has found, side by side."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ComparedModel(_Result):
    """A run or version. None: nobody has measured it, or there is no model to measure.

    Attributes:
        address: As it was given.
        name: Registered model and version, such as `digits/3`; or that of the run.
        model_uri: `models:/NAME/VERSION`; None for a run without a model.
        run_id: MLflow run.
        backbone: Name of its spec, such as `parnet_s`.
        recipe: Its name.
        resolution: Side of the network's input, pixels.
        test_accuracy: Logged at the end of its training.
        val_accuracy: Likewise, of the best epoch.
        accuracy: Measured now, on the same images for all.
        parameters: Of the network in `form`.
        multiply_adds: For one image, in the same form.
        form: "served", counted now or at the end of its training; "training" where only its spec's
            training form is known.
        latency_ms: Median of one image, measured now, in turns with the others.
        latency_p95_ms: 95% are done within.
        images_per_second: In batches of 16.
        model_bytes: Of the served network on disk.
        training_cpu_seconds: Of all processes that trained it.
        data_digest: Of the images that it was trained with.
        best: Whether no other of them is faster and at least as accurate.
    """

    address: str
    name: str
    model_uri: str | None
    run_id: str | None
    backbone: str | None
    recipe: str | None
    resolution: int | None
    test_accuracy: float | None
    val_accuracy: float | None
    accuracy: float | None
    parameters: int | None
    multiply_adds: int | None
    form: Literal["served", "training"] | None
    latency_ms: float | None
    latency_p95_ms: float | None
    images_per_second: float | None
    model_bytes: int | None
    training_cpu_seconds: float | None
    data_digest: str | None
    best: bool = False


class ComparedImages(_Result):
    """What the accuracy was measured on now.

    Attributes:
        root: The folder, archive or list.
        split: "train", "validation", "test" or "all".
        images: How many could be read.
    """

    root: str
    split: str
    images: int


class Comparison(_Result):
    """Runs and versions side by side.

    Attributes:
        models: In the order they were given.
        data: What `accuracy` was measured on; None if it was not.
        by: What the plot and `best` take for accuracy.
        threads: That the networks may use.
        params: Parameters that differ between the runs, by name: one value for each model, None
            where it has none.
        warnings: What makes the numbers hard to compare.
    """

    models: tuple[ComparedModel, ...]
    data: ComparedImages | None
    by: Literal["accuracy", "test_accuracy", "val_accuracy"]
    threads: int | None
    params: dict[str, tuple[str | None, ...]]
    warnings: tuple[str, ...]
