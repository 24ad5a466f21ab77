"""The stages of one run, in their order."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.data.escaped import escaped
from parnet_zoo.data.folder import Split
from parnet_zoo.data.image_file import ImageFile
from parnet_zoo.recipe.schema.duration import seconds_of
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.system_metrics import SystemMetrics
from parnet_zoo.training.full_disk import full_disk_in_words
from parnet_zoo.training.manifest import manifest
from parnet_zoo.training.plan import Plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.promoting.rule import Rule
from parnet_zoo.training.publish import Publication, Published, publish
from parnet_zoo.training.reproducible import reproducibility
from parnet_zoo.training.result import TrainResult
from parnet_zoo.training.silence import import_quietly
from parnet_zoo.training.start import Start
from parnet_zoo.training.sweeping.log_trial import log_trial
from parnet_zoo.training.trial import TrialOf, TrialPruned

if TYPE_CHECKING:
    from parnet_zoo.networks.agreement import Agreement
    from parnet_zoo.networks.weights_report import WeightsReport
    from parnet_zoo.serving.card_facts import CardFacts
    from parnet_zoo.training.fit import Fitted
    from parnet_zoo.training.images import Images
    from parnet_zoo.training.judge import Judged
    from parnet_zoo.training.kept_weights import KeptWeights


@dataclass
class Conductor:
    """Leads a tracked run from its images to a registered version.

    Attributes:
        plan: What is to be done.
        run: Where everything is logged.
        progress: What the person sees.
        weights: The file to start from, if there is one.
        began: The start of the command.
        trial: Which trial of a sweep it is, if it is one.
    """

    plan: Plan
    run: TrackedRun
    progress: Progress
    weights: Path | None = None
    began: Start = field(default_factory=Start)
    trial: TrialOf | None = None
    _opened: ExitStack = field(default_factory=ExitStack)
    _unreadable: int = 0
    _unreadable_of: dict[str, int] = field(default_factory=dict)

    def conduct(self) -> TrainResult:
        """Fit, judge, register.

        Raises:
            ParnetZooError: See `train`.
            TrialPruned: The trial is given up.
        """
        with full_disk_in_words(self.run.directory), self._opened:
            self._watch_the_machine()
            self._log_inputs()
            self.progress.say("loading TensorFlow")
            import_quietly()
            train = self._open(self.plan.folder.train)
            validation = self._open(self.plan.folder.validation)
            return self._finish(self._fit(train, validation), train, validation)

    def _watch_the_machine(self) -> None:
        tracking = self.plan.recipe.tracking
        if tracking.system_metrics:
            seconds = seconds_of(tracking.system_metrics_every)
            self._opened.enter_context(SystemMetrics(self.run, seconds))

    def _log_inputs(self) -> None:
        folder = self.plan.folder
        self.run.log_text(self.plan.recipe.to_yaml(), "recipe.yaml")
        self.run.log_text("\n".join(self.plan.lines()) + "\n", "plan.txt")
        self.run.log_text("\n".join(folder.classes) + "\n", "data/classes.txt")
        listed = manifest(folder)
        self.run.log_text(listed.text, "data/manifest.csv")
        for dataset in listed.datasets:
            self.run.log_dataset(dataset)
        facts = json.dumps(reproducibility(self.plan.recipe), indent=1)
        self.run.log_text(facts + "\n", "reproducibility.json")

    def _open(self, split: Split) -> Images:
        from parnet_zoo.training.images import open_images

        plan = self.plan
        images = open_images(split, plan.recipe, plan.folder, self.run.directory, self.progress)
        self._opened.callback(images.store.close)
        if bad := images.unreadable:
            self._unreadable += len(bad)
            self._unreadable_of[split.name] = len(bad)
            lines = [f"{escaped(item.path)}\t{item.reason}" for item in bad]
            self.run.log_text("\n".join(lines) + "\n", f"data/unreadable_{split.name}.tsv")
        self.run.log_metrics({f"unreadable_{split.name}_images": len(bad)}, step=0)
        return images

    def _fit(self, train: Images, validation: Images) -> Fitted:
        from parnet_zoo.training.fit import FitJob, Listeners, fit
        from parnet_zoo.training.precision import resolve_precision
        from parnet_zoo.training.reproducible import seed_everything

        recipe, folder = self.plan.recipe, self.plan.folder
        seed_everything(recipe.seed, deterministic=recipe.deterministic)
        precision = resolve_precision(recipe.precision)
        self.run.set_tags({"parnet_zoo.precision": precision})
        listeners = Listeners(
            loaded=self._log_loaded,
            metrics=self._log_epoch,
            checkpoint=self._log_checkpoint,
            progress=self.progress,
        )
        fitted = fit(
            FitJob(
                recipe,
                folder.classes,
                train,
                validation,
                test_images=len(folder.test) if folder.test else 0,
                precision=precision,
                directory=self.run.directory,
                start_from=self.weights,
                began=self.began,
                listeners=listeners,
            )
        )
        self._log_fit(fitted)
        return fitted

    def _log_epoch(self, metrics: dict[str, float], epoch: int) -> None:
        self.run.log_metrics(metrics, epoch)
        if self.trial is not None and self.trial.stops(metrics, epoch):
            raise TrialPruned(epoch)

    def _log_loaded(self, report: WeightsReport) -> None:
        """Say and keep what the training started from."""
        self.progress.say(f"weights from {report}")
        self.run.log_params({"weights.sha256": report.sha256})
        lines = [f"{self.plan.recipe.model.weights}", *report.lines()]
        self.run.log_text("\n".join(lines) + "\n", "weights/loaded.txt")

    def _log_checkpoint(self, kept: KeptWeights) -> None:
        self.run.log_checkpoint(kept.path, kind=kept.kind, step=kept.epoch, keep=kept.keep)

    def _log_fit(self, fitted: Fitted) -> None:
        from parnet_zoo.training.judging.figures import Figures
        from parnet_zoo.training.judging.fit_figures import log_fit_figures

        self.run.log_artifact(fitted.weights, "weights")
        if self.plan.recipe.tensorboard:
            self.run.log_artifact(self.run.directory / "tensorboard")
        figures = Figures(self.run, self.progress)
        log_fit_figures(figures, self.plan, fitted.history, fitted.best_epoch)

    def _finish(self, fitted: Fitted, train: Images, validation: Images) -> TrainResult:
        from parnet_zoo.serving.runtime import Classifier
        from parnet_zoo.training.champion import better_than_champion
        from parnet_zoo.training.judge import fold_and_pack, judge
        from parnet_zoo.training.judgement import log_judgement
        from parnet_zoo.training.judging.context import Asked, Judgement
        from parnet_zoo.training.judging.figures import Figures
        from parnet_zoo.training.promoting.measured import measured
        from parnet_zoo.training.served_cost import served_cost

        recipe, folder = self.plan.recipe, self.plan.folder
        packed = self.run.directory / "model"
        difference = fold_and_pack(fitted.model, recipe, folder, validation, packed)
        classifier = Classifier(packed)
        on_validation = judge(classifier, validation, flip=recipe.evaluation.flip)
        test = self._test_images(validation)
        on_test = None if test is None else judge(classifier, test, flip=recipe.evaluation.flip)
        metrics = self._final_metrics(fitted, difference)
        metrics |= on_validation.flip_metrics("val")
        metrics |= on_test.metrics("test") if on_test else {}
        metrics["unreadable_images"] = self._unreadable
        metrics |= served_cost(classifier, packed, smoke=recipe.smoke)
        metrics |= log_judgement(
            Judgement(
                recipe=recipe,
                folder=folder,
                run=self.run,
                figures=Figures(self.run, self.progress),
                model=fitted.model,
                packed=packed,
                train=train,
                validation=Asked("validation", validation, on_validation),
                test=Asked("test", test, on_test) if test and on_test else None,
            )
        )
        self.run.log_metrics(metrics, len(fitted.history["loss"]))
        example = _first(validation).read_bytes()
        last = {name: values[-1] for name, values in fitted.history.items()}
        if self.trial is not None:
            published = log_trial(
                packed,
                self.run,
                recipe,
                step=fitted.best_epoch,
                example=example,
                progress=self.progress,
            )
        else:
            publication = Publication.write(
                packed,
                recipe,
                fitted.best_epoch,
                example,
                rule=Rule.of(recipe, measured(on_validation, metrics)),
                card=self._card(packed, on_test or on_validation, last | metrics),
            )
            compare = better_than_champion(on_validation, self.plan, validation, self.progress)
            published = publish(publication, self.run, self.progress, compare)
        return self._result(published, last | metrics, _path(_first(test or validation)))

    def _card(self, packed: Path, judged: Judged, metrics: dict[str, float]) -> CardFacts:
        from parnet_zoo.training.card import card_facts

        tested = "test_accuracy" in metrics
        return card_facts(
            self.plan,
            self.run.run_id,
            packed,
            judged="test" if tested else "validation",
            truth=judged.truth,
            answers=judged.probabilities.argmax(axis=-1),
            metrics=metrics,
            unreadable=self._unreadable_of,
        )

    def _result(
        self, published: Published, metrics: dict[str, float], example: str | None
    ) -> TrainResult:
        return TrainResult(
            run_id=self.run.run_id,
            experiment=self.run.experiment,
            tracking_uri=self.run.store,
            model_uri=published.model_uri,
            model_name=published.name,
            model_version=published.version,
            alias=published.alias,
            labels=self.plan.folder.classes,
            example=example,
            metrics=metrics,
            seconds=0.0,
        )

    def _test_images(self, validation: Images) -> Images | None:
        """The test split, looked at only now; None where there is nothing readable in it."""
        folder = self.plan.folder
        if folder.test is None:
            return None
        if folder.test_is_validation:
            return validation
        test = self._open(folder.test)
        return test if test.readable else None

    def _final_metrics(self, fitted: Fitted, difference: Agreement | None) -> dict[str, float]:
        metrics: dict[str, float] = {
            "best_epoch": fitted.best_epoch,
            "best_val_accuracy": fitted.best_metrics["val_accuracy"],
            "best_val_loss": fitted.best_metrics["val_loss"],
        }
        if difference is None:
            family = self.plan.recipe.spec().family
            self.progress.say(f"the family {family} has no deploy form: as trained, it is served")
            return metrics
        self.progress.say(
            f"deploy form: largest difference of a logit {difference.logits:.2e}, of a probability"
            f" {difference.probabilities:.2e}, on {difference.images} validation images"
        )
        return metrics | {
            "deploy_max_logit_difference": difference.logits,
            "deploy_max_probability_difference": difference.probabilities,
        }


def _first(images: Images) -> ImageFile:
    return images.split.paths[int(images.store.readable[0])]


def _path(image: ImageFile) -> str | None:
    return str(image) if isinstance(image, Path) else None
