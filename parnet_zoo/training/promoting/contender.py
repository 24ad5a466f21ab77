"""A registered version that is to become champion, measured now."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from parnet_zoo.errors import DataError, ParnetZooError, UsageError
from parnet_zoo.recipe.schema.gate import GateSection
from parnet_zoo.serving.latency import measure_latency
from parnet_zoo.serving.load import load
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.tracking.promotion import Verdict
from parnet_zoo.tracking.registered import version_tag
from parnet_zoo.tracking.version_origin import VersionOrigin
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.promoting.duel import duel
from parnet_zoo.training.promoting.gate import Measured, failed_bounds
from parnet_zoo.training.promoting.images import PromotionImages, given_images, own_images
from parnet_zoo.training.promoting.score import score

_DIFFERENCE = "deploy_max_probability_difference"
_SHOWN = 12


class Contender:
    """The version with its network, its images and its numbers; each is looked at once.

    Args:
        origin: The version.
        data: The images that a user names; None for those of its own run.
        progress: What the person sees.
        force: Whether it becomes champion in any case.

    Raises:
        TrackingError: The store does not answer, or does not have the version's files.
        UsageError: It is no version of this project, or knows other classes than its images, or
            nothing says which those are.
        DataError: The images are gone, or have changed.
    """

    def __init__(
        self, origin: VersionOrigin, data: Path | None, progress: Progress, *, force: bool
    ) -> None:
        self.origin = origin
        self._force = force
        self._progress = progress
        self._classifier: Classifier = load(origin.uri)  # also with force: it is to be served
        self._images = self._found_images(data)

    def judge(self, champion: str | None) -> Verdict:
        """Whether it takes the champion's place."""
        verdict = self._judged(champion)
        details = {**self._details(), **verdict.details}
        if verdict.wins or not self._force:
            return Verdict(verdict.wins, verdict.reason, details)
        self._progress.warn(f"promoted by force, although {verdict.reason}")
        reason = f"promoted by force, although {verdict.reason}"
        return Verdict(wins=True, reason=reason, details={**details, "forced": "true"})

    def _judged(self, champion: str | None) -> Verdict:
        if self._images is None:
            return Verdict(wins=False, reason="there are no images to measure it on")
        recipe = self.origin.recipe
        if recipe is not None and recipe.smoke:
            return Verdict(wins=False, reason="a smoke run only tries every stage")
        if failed := failed_bounds(self._gate, self._measured):
            reason = f"it does not pass the gate: {'; '.join(failed)}"
            return Verdict(wins=False, reason=reason)
        if champion is None:
            return Verdict(wins=True, reason="there was no champion")
        if recipe is not None and recipe.data.limit is not None:
            reason = "its training was limited (data.limit), and there is a champion"
            return Verdict(wins=False, reason=reason)
        return self._against(f"models:/{self.origin.name}/{champion}", self._images)

    def _against(self, uri: str, images: PromotionImages) -> Verdict:
        """The comparison with the champion."""
        try:
            rival = load(uri)
        except ParnetZooError as error:
            reason = f"the champion {uri} cannot be asked ({error}); --force takes its place"
            return Verdict(wins=False, reason=reason)
        if rival.labels != images.classes:
            reason = f"the champion {uri} knows other classes ({_some(rival.labels)})"
            return Verdict(wins=False, reason=reason)
        if images.own and version_tag(uri, "parnet_zoo.data_digest") != images.digest:
            self._progress.warn(
                f"the champion {uri} was trained with other images or another split: it may know"
                " some of these validation images, which makes it look better than it is"
            )
        with self._progress.task(f"measuring {uri}", len(images.split)) as done:
            verdict = duel(self._accuracy, rival, uri, images.split, done)
        self._progress.say(verdict.reason)
        return verdict

    def _found_images(self, data: Path | None) -> PromotionImages | None:
        try:
            found = own_images(self.origin) if data is None else given_images(data, self.origin)
            self._check_classes(found)
        except (DataError, UsageError) as error:
            if not self._force:
                raise
            self._progress.warn(f"nothing is measured: {error}")
            return None
        return found

    def _check_classes(self, images: PromotionImages) -> None:
        if images.classes != self._classifier.labels:
            raise UsageError(
                f"{self.origin.uri} knows the classes {_some(self._classifier.labels)}, and the"
                f" images have {_some(images.classes)}: they must be the same"
            )

    @property
    def _gate(self) -> GateSection:
        recipe = self.origin.recipe
        return GateSection() if recipe is None else recipe.register.gate

    @cached_property
    def _accuracy(self) -> float:
        images = self._images
        if images is None:
            raise AssertionError  # nobody asks without images
        with self._progress.task(f"measuring {self.origin.uri}", len(images.split)) as done:
            return score(self._classifier, images.split, done).accuracy

    @cached_property
    def _measured(self) -> Measured:
        """The accuracy, and what else the gate asks for."""
        measured = Measured(accuracy=self._accuracy)
        if self._gate.maximum_latency_ms is not None:
            latency = measure_latency(self._classifier)
            measured = measured.model_copy(update={"latency_ms": latency.median_ms})
        if self._gate.maximum_deploy_difference is not None:
            difference = self._difference()
            measured = measured.model_copy(update={"deploy_difference": difference})
        return measured

    def _difference(self) -> float | None:
        """Measured anew, or else what the training measured."""
        # Keras and TensorFlow come with it.
        from parnet_zoo.training.promoting.deploy_difference import deploy_difference

        recipe, images = self.origin.recipe, self._images
        if recipe is None or images is None:
            return None
        try:
            return deploy_difference(self.origin.uri, recipe, self._classifier, images.split)
        except ParnetZooError as error:
            known = self.origin.metrics.get(_DIFFERENCE)
            how = "nothing is known of it" if known is None else "the training's number counts"
            self._progress.warn(f"the deploy difference cannot be measured anew ({error}): {how}")
            return known

    def _details(self) -> dict[str, object]:
        details: dict[str, object] = {"rule": "promote"}
        if self._images is None:
            return details
        data = "own validation images" if self._images.own else self._images.split.origin
        details |= {"data": data, "data_digest": self._images.digest}
        return {**details, **self._measured.details()}


def _some(classes: tuple[str, ...]) -> str:
    shown = ", ".join(classes[:_SHOWN])
    return shown if len(classes) <= _SHOWN else f"{shown} and {len(classes) - _SHOWN} more"
