"""The last step of a run: its network as a registered version with an alias."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.recipe import Recipe
from parnet_zoo.tracking.promotion import assign_alias
from parnet_zoo.tracking.registered import version_of_run
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.training.progress import Progress

SECONDS_TO_WAIT = 60.0
"""For a store that is away at the end of a training."""
FILE = "publication.json"
EXAMPLE = "example"


class Published(BaseModel):
    """A registered version.

    Attributes:
        model_uri: `models:/NAME/VERSION`.
        name: Registered model.
        version: Its number.
        alias: "champion" or "candidate".
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model_uri: str
    name: str
    version: int
    alias: str


class Publication(BaseModel):
    """What registering needs to know, kept beside the packed network.

    Attributes:
        name: Registered model.
        promote: The recipe's rule.
        recipe: Its name.
        recipe_digest: Of its content.
        step: Epoch of the weights.
        folder: The run's `model` folder, as `serving.pack` wrote it.
        smoke: Whether it was only a trial, which never becomes champion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    promote: Literal["never", "if_better"]
    recipe: str
    recipe_digest: str
    step: int
    folder: Path
    smoke: bool = False

    @classmethod
    def write(cls, folder: Path, recipe: Recipe, step: int, example: bytes) -> Self:
        """Note it in the run's directory, beside `folder`."""
        publication = cls(
            name=recipe.registered_name,
            promote=recipe.register.promote,
            recipe=recipe.name,
            recipe_digest=recipe.digest,
            step=step,
            folder=folder,
            smoke=recipe.smoke,
        )
        (folder.parent / EXAMPLE).write_bytes(example)
        (folder.parent / FILE).write_text(publication.model_dump_json(), encoding="utf-8")
        return publication

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read it from a run's directory.

        Raises:
            UsageError: The run has no trained network in there.
        """
        try:
            found = cls.model_validate_json((directory / FILE).read_text(encoding="utf-8"))
        except (OSError, ValidationError) as error:
            raise UsageError(
                f"{directory} holds no trained network: give the folder of a run below"
                " .parnet-zoo/runs that ended before its version was registered"
            ) from error
        return found.model_copy(update={"folder": directory / "model"})


def publish(
    publication: Publication,
    run: TrackedRun,
    progress: Progress,
    is_better: Callable[[str], bool] | None,
) -> Published:
    """Register a trained network as a version of its run, and give it its alias.

    Args:
        publication: What to register.
        run: The run; all that it has logged is delivered first, since the version takes parameters
            and metrics over from it.
        progress: What the person sees.
        is_better: Whether it beats the champion whose URI it is asked about.

    Raises:
        TrackingError: The store does not answer; the message says how to register later.
    """
    try:
        _deliver(run, progress)
        version = version_of_run(publication.name, run.run_id)
        if version is None:  # otherwise the run was broken off after it had registered
            version = _register(publication, run)
        alias = assign_alias(
            publication.name,
            version,
            promote=publication.promote,
            is_better=is_better,
            trial=publication.smoke,
        )
    except TrackingError as error:
        raise TrackingError(
            f"{error}\nthe network is trained but not registered; when the store is back:"
            f" parnet-zoo register {publication.folder.parent}"
        ) from error
    uri = f"models:/{publication.name}/{version}"
    return Published(model_uri=uri, name=publication.name, version=version, alias=alias)


def _register(publication: Publication, run: TrackedRun) -> int:
    from parnet_zoo.serving.version import log_version

    return log_version(
        publication.folder,
        run_id=run.run_id,
        name=publication.name,
        example=(publication.folder.parent / EXAMPLE).read_bytes(),
        metadata={"recipe": publication.recipe, "recipe_digest": publication.recipe_digest},
        step=publication.step,
    ).version


def _deliver(run: TrackedRun, progress: Progress) -> None:
    """Wait until the store has all that was logged."""
    if not run.flush(5):
        progress.say(f"waiting for {run.store}, {SECONDS_TO_WAIT:.0f} seconds at most")
        if not run.flush(SECONDS_TO_WAIT):
            raise TrackingError(f"{run.store} does not take what the run logged")


def register(directory: Path, *, quiet: bool = False) -> Published:
    """Register the network of a run that could not do so at its end, because its store was away.

    The rest of what the run logged is delivered as well, and the run becomes FINISHED. The version
    is not compared with the champion.

    Args:
        directory: The run's, below `.parnet-zoo/runs`.
        quiet: Show nothing but warnings.

    Raises:
        UsageError: There is no trained network in it.
        TrackingError: The store still does not answer.
    """
    publication = Publication.read(directory)
    with TrackedRun.resume(directory) as run:
        published = publish(publication, run, Progress(quiet=quiet), None)
    if not run.undelivered:
        shutil.rmtree(directory, ignore_errors=True)
    return published
