"""The last step of a run: its network as a registered version with an alias."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from parnet_zoo.errors import TrackingError, UsageError
from parnet_zoo.recipe import Recipe
from parnet_zoo.serving.card_facts import CardFacts
from parnet_zoo.serving.model_card import card_description, model_card
from parnet_zoo.tracking.promotion import Decision, Verdict, assign_alias
from parnet_zoo.tracking.registered import describe_version, version_of_run
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.promoting.rule import Rule
from parnet_zoo.training.when_back import when_back

FILE = "publication.json"
PUBLISHED = "published.json"
"""Written when it is registered and has its alias, which is not to be given again."""
EXAMPLE = "example"
_DELIVERY_SECONDS = 20.0
"""For what was logged last; a store that is away is waited for besides."""


class Published(BaseModel):
    """A registered version, or one that waits for `sync`.

    Attributes:
        model_uri: `models:/NAME/VERSION`; of an offline run, the folder of the packed network.
        name: Registered model.
        version: Its number; None while it is not registered.
        alias: "champion" or "candidate"; None likewise, and of a trial beside real versions.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    model_uri: str
    name: str
    version: int | None
    alias: str | None


class NotRegisteredError(TrackingError):
    """The training is done, and only its version is missing."""


class Publication(BaseModel):
    """What registering needs to know, kept beside the packed network.

    Attributes:
        name: Registered model.
        rule: Which alias it may get.
        recipe: Its name.
        recipe_digest: Of its content.
        step: Epoch of the weights.
        folder: The run's `model` folder, as `serving.pack` wrote it.
        card: What its model card tells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rule: Rule
    recipe: str
    recipe_digest: str
    step: int
    folder: Path
    card: CardFacts

    @classmethod
    def write(
        cls,
        folder: Path,
        recipe: Recipe,
        step: int,
        example: bytes,
        *,
        rule: Rule,
        card: CardFacts,
    ) -> Self:
        """Note it in the run's directory, beside `folder`."""
        publication = cls(
            name=recipe.registered_name,
            rule=rule,
            recipe=recipe.name,
            recipe_digest=recipe.digest,
            step=step,
            folder=folder,
            card=card,
        )
        (folder.parent / EXAMPLE).write_bytes(example)
        _write(folder.parent / FILE, publication)
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
    compare: Callable[[str], Verdict] | None,
) -> Published:
    """Register a trained network as a version of its run, and give it its alias.

    Args:
        publication: What to register.
        run: The run; all that it has logged is delivered first, since the version takes parameters
            and metrics over from it.
        progress: What the person sees.
        compare: Whether it beats the champion whose version it is asked about; None where that
            cannot be told now, so that it takes no champion's place.

    Returns:
        The version; of an offline run the packed network, which waits for `sync`.

    Raises:
        NotRegisteredError: The store does not answer; the message says how to register later.
    """
    if run.offline:
        folder = str(publication.folder)
        return Published(model_uri=folder, name=publication.name, version=None, alias=None)

    def registered() -> Published:
        _deliver(run)
        return _published(publication, run, progress, compare)

    try:
        published = when_back(registered, progress.say)
    except TrackingError as error:
        raise NotRegisteredError(
            f"{error}\nthe network is trained but not registered; when the store is back:"
            f" parnet-zoo sync {run.run_id}"
        ) from error
    _write(publication.folder.parent / PUBLISHED, published)
    return published


def _write(path: Path, content: BaseModel) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(content.model_dump_json(), encoding="utf-8")
    temporary.replace(path)


def _published(
    publication: Publication,
    run: TrackedRun,
    progress: Progress,
    compare: Callable[[str], Verdict] | None,
) -> Published:
    name, rule = publication.name, publication.rule
    version = version_of_run(name, run.run_id)
    if version is None:  # otherwise the run was broken off after it had registered
        version = _register(publication, run)
    uri = f"models:/{name}/{version}"
    card = model_card(publication.card, uri)
    describe_version(name, version, card_description(card))
    run.log_text(card, "model_card.md")
    decision = assign_alias(
        name, version, lambda champion: rule.judge(champion, compare), otherwise=rule.otherwise
    )
    _tell(decision, publication, run, progress)
    return Published(model_uri=uri, name=name, version=version, alias=decision.alias)


def _tell(
    decision: Decision, publication: Publication, run: TrackedRun, progress: Progress
) -> None:
    """Say what was decided, and log it with the run."""
    state = f"version {decision.version} is {decision.alias or 'given no alias'}"
    sentence = f"{state}: {decision.reason}"
    failed = publication.rule.failed
    (progress.warn if failed else progress.say)(sentence)
    run.set_tags(decision.tags)
    rival = decision.details.get("champion_accuracy")
    if isinstance(rival, float):
        run.log_metrics({"champion_val_accuracy": rival}, publication.step)


def _register(publication: Publication, run: TrackedRun) -> int:
    from parnet_zoo.serving.version import log_version

    return log_version(
        publication.folder,
        run_id=run.run_id,
        name=publication.name,
        example=(publication.folder.parent / EXAMPLE).read_bytes(),
        metadata={"recipe": publication.recipe, "recipe_digest": publication.recipe_digest},
        step=publication.step,
        card=lambda uri: model_card(publication.card, uri),
    ).version


def _deliver(run: TrackedRun) -> None:
    """Wait until the store has all that was logged, but for what it refuses."""
    if run.flush(_DELIVERY_SECONDS):
        return
    queued = [waiting for waiting in run.left() if not waiting.set_aside]
    if queued:
        why = queued[0].reason or "it is slow"
        raise TrackingError(f"{run.store} has not taken all that the run logged ({why})")
