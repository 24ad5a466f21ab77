"""One training run, from the recipe to the registered version."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from parnet_zoo.data.digits import write_digits
from parnet_zoo.data.folder import scan
from parnet_zoo.recipe import load_recipe
from parnet_zoo.tracking.run import TrackedRun
from parnet_zoo.tracking.signals import interruptible
from parnet_zoo.tracking.stale import mark_dead_runs
from parnet_zoo.tracking.store import connect, describe_store
from parnet_zoo.training.plan import Plan, make_plan
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.result import TrainResult
from parnet_zoo.training.silence import import_quietly

if TYPE_CHECKING:
    from parnet_zoo.networks.agreement import Agreement
    from parnet_zoo.training.fit import Fitted
    from parnet_zoo.training.images import Images
    from parnet_zoo.training.judge import Judged

RUNS = Path(".parnet-zoo") / "runs"
"""Where runs keep what must survive a kill, below the working directory."""


def train(
    recipe: str | Path,
    *,
    overrides: Sequence[str] = (),
    quiet: bool = False,
    **changes: Any,
) -> TrainResult:
    """Train a recipe, track it in MLflow, register the result.

    Args:
        recipe: A file, or the name of a shipped recipe.
        overrides: Fields to change, as `"optimizer.learning_rate=1e-3"`.
        quiet: Show nothing but warnings.
        **changes: `epochs`, `image_size`, `batch_size`, `model`, `data`, or any field of a recipe.

    Returns:
        Where the run and the version are, and what they reached.

    Raises:
        RecipeError: The recipe is wrong; the message has one line for each mistake.
        DataError: The images are missing or cannot be used.
        TrackingError: The MLflow store does not answer.
    """
    started = time.monotonic()
    progress = Progress(quiet=quiet)
    plan = plan_training(recipe, overrides=overrides, **changes)
    progress.say("\n".join(plan.lines()))
    connect(plan.recipe.experiment)
    for run_id in mark_dead_runs():
        progress.say(f"run {run_id} had been killed: marked so in MLflow")
    directory = (RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{uuid4().hex[:8]}").resolve()
    with interruptible(), _tracked(plan, directory) as run:
        progress.say(f"run {run.run_id} of experiment {run.experiment}")
        result = _Conductor(plan, run, progress, started).conduct()
    if not run.undelivered:
        # Nothing in there is needed any more; a failed run's directory stays for a look.
        shutil.rmtree(directory, ignore_errors=True)
    return result


def plan_training(recipe: str | Path, *, overrides: Sequence[str] = (), **changes: Any) -> Plan:
    """What `train` would do with these arguments, without importing TensorFlow.

    Raises:
        RecipeError: The recipe is wrong.
        DataError: The images are missing or cannot be used.
    """
    checked = load_recipe(recipe, overrides, **changes).recipe
    if checked.data.source == "digits":
        write_digits(checked.data_root)
    folder = scan(
        checked.data_root,
        validation=checked.data.validation,
        seed=checked.seed,
        limit=checked.data.limit,
    )
    return make_plan(checked, folder, describe_store())


def _tracked(plan: Plan, directory: Path) -> TrackedRun:
    recipe, spec = plan.recipe, plan.recipe.spec()
    params: dict[str, Any] = dict(recipe.flattened())
    params |= {f"spec.{name}": value for name, value in _spec_params(spec).items()}
    if plan.cost is not None:
        params |= {f"cost.{name}": value for name, value in plan.cost.model_dump().items()}
    tags = {
        "parnet_zoo.recipe": recipe.name,
        "parnet_zoo.recipe_digest": recipe.digest,
        "parnet_zoo.data_digest": plan.folder.digest,
        "parnet_zoo.directory": str(directory),
    }
    return TrackedRun.start(
        experiment=recipe.experiment,
        name=f"{recipe.name}-{spec.name}",
        directory=directory,
        params=params,
        tags=tags,
    )


def _spec_params(spec: Any) -> dict[str, Any]:
    """A spec's fields by dotted name, without those that say nothing about this network."""
    left_out = {"builder", "coster", "published", "hidden", "paper"}
    flat: dict[str, Any] = {}
    for name, value in spec.model_dump(mode="json", exclude=left_out).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat[name] = value
    return flat


@dataclass
class _Conductor:
    """Leads one run through its stages."""

    plan: Plan
    run: TrackedRun
    progress: Progress
    started: float
    _opened: ExitStack = field(default_factory=ExitStack)

    def conduct(self) -> TrainResult:
        with self._opened:
            return self._conduct()

    def _conduct(self) -> TrainResult:
        self._log_inputs()
        self.progress.say("loading TensorFlow")
        import_quietly()
        from parnet_zoo.training.devices import grow_memory
        from parnet_zoo.training.fit import fit
        from parnet_zoo.training.reproducible import seed_everything

        recipe, folder = self.plan.recipe, self.plan.folder
        grow_memory()
        seed_everything(recipe.seed, deterministic=recipe.deterministic)
        train, validation = self._open("train"), self._open("validation")
        fitted = fit(
            recipe,
            len(folder.classes),
            train,
            validation,
            directory=self.run.directory,
            log=self.run.log_metrics,
            progress=self.progress,
        )
        self._log_fit(fitted)
        return self._finish(fitted, train, validation)

    def _open(self, name: str) -> Images:
        from parnet_zoo.training.images import open_images

        folder = self.plan.folder
        split = {"train": folder.train, "validation": folder.validation, "test": folder.test}[name]
        if split is None:
            raise AssertionError(name)  # asked only where there is a test split
        images = open_images(split, self.plan.recipe, folder, self.run.directory, self.progress)
        self._opened.callback(images.store.close)
        return images

    def _log_inputs(self) -> None:
        folder = self.plan.folder
        self.run.log_text(self.plan.recipe.to_yaml(), "recipe.yaml")
        self.run.log_text("\n".join(self.plan.lines()) + "\n", "plan.txt")
        self.run.log_text("\n".join(folder.classes) + "\n", "data/classes.txt")

    def _log_fit(self, fitted: Fitted) -> None:
        from parnet_zoo.evaluation.figures import learning_curves

        self.run.set_tags({"parnet_zoo.precision": fitted.precision})
        self.run.log_artifact(fitted.weights, "weights")
        for checkpoint in fitted.checkpoints:
            self.run.log_artifact(checkpoint, "checkpoints")
        if self.plan.recipe.tensorboard:
            self.run.log_artifact(self.run.directory / "tensorboard")
        path = self.run.directory / "learning_curves.png"
        learning_curves(fitted.history, path, fitted.best_epoch)
        self.run.log_artifact(path, "figures")

    def _finish(self, fitted: Fitted, train: Images, validation: Images) -> TrainResult:
        from parnet_zoo.serving.runtime import Classifier
        from parnet_zoo.training.judge import fold_and_pack, judge

        recipe, folder = self.plan.recipe, self.plan.folder
        packed = self.run.directory / "model"
        difference = fold_and_pack(fitted.model, recipe, folder, validation, packed)
        classifier = Classifier(packed)
        on_validation = judge(classifier, validation)
        opened = [train, validation]
        metrics = self._final_metrics(fitted, difference)
        judged, split = on_validation, "validation"
        if folder.test is not None:
            test = validation if recipe.data.validation == "test" else self._open("test")
            opened.append(test)
            judged, split = judge(classifier, test), "test"
            metrics |= judged.metrics("test")
        self._log_judgement(judged, split)
        metrics["unreadable_images"] = self._log_unreadable(opened)
        self.run.log_metrics(metrics, len(fitted.history["loss"]))
        return self._register(packed, on_validation, validation, fitted, metrics)

    def _final_metrics(self, fitted: Fitted, difference: Agreement) -> dict[str, float]:
        self.progress.say(
            f"deploy form: largest difference of a logit {difference.logits:.2e}, of a probability"
            f" {difference.probabilities:.2e}, on {difference.images} validation images"
        )
        return {
            "best_epoch": fitted.best_epoch,
            "best_val_accuracy": fitted.best_metrics["val_accuracy"],
            "best_val_loss": fitted.best_metrics["val_loss"],
            "deploy_max_logit_difference": difference.logits,
            "deploy_max_probability_difference": difference.probabilities,
        }

    def _log_judgement(self, judged: Judged, split: str) -> None:
        from parnet_zoo.evaluation.figures import confusion_matrix
        from parnet_zoo.evaluation.metrics import confusion
        from parnet_zoo.evaluation.report import report

        classes = self.plan.folder.classes
        matrix = confusion(judged.truth, judged.probabilities.argmax(axis=-1), len(classes))
        path = self.run.directory / f"confusion_matrix_{split}.png"
        confusion_matrix(matrix, classes, path)
        self.run.log_artifact(path, "figures")
        self.run.log_text(report(matrix, classes).to_json(), f"evaluation/{split}.json")
        self.progress.say(f"{split} accuracy {judged.accuracy:.4f} on {len(judged.truth)} images")

    def _log_unreadable(self, opened: list[Images]) -> int:
        bad = {item.path: item.reason for images in opened for item in images.unreadable}
        if bad:
            lines = [f"{path}\t{reason}" for path, reason in bad.items()]
            self.run.log_text("\n".join(lines) + "\n", "data/unreadable.tsv")
        return len(bad)

    def _register(
        self,
        packed: Path,
        on_validation: Judged,
        validation: Images,
        fitted: Fitted,
        metrics: dict[str, float],
    ) -> TrainResult:
        from parnet_zoo.serving.version import log_version
        from parnet_zoo.tracking.promotion import assign_alias
        from parnet_zoo.training.champion import better_than_champion

        recipe, folder = self.plan.recipe, self.plan.folder
        example = validation.split.paths[int(validation.store.readable[0])]
        self.run.flush()  # the version takes parameters and metrics over from the run
        version = log_version(
            packed,
            run_id=self.run.run_id,
            name=recipe.registered_name,
            example=example.read_bytes(),
            metadata={"recipe": recipe.name, "recipe_digest": recipe.digest},
            step=fitted.best_epoch,
        )
        alias = assign_alias(
            version.name,
            version.version,
            promote=recipe.register.promote,
            is_better=better_than_champion(
                on_validation, folder.classes, validation, self.progress
            ),
        )
        last = {name: values[-1] for name, values in fitted.history.items()}
        return TrainResult(
            run_id=self.run.run_id,
            experiment=self.run.experiment,
            tracking_uri=self.run.store,
            model_uri=version.model_uri,
            model_name=version.name,
            model_version=version.version,
            alias=alias,
            labels=folder.classes,
            metrics=last | metrics,
            seconds=time.monotonic() - self.started,
        )
