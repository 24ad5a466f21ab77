"""A training, from the recipe to the registered version, as MLflow shows it afterwards."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

import parnet_zoo
import registry
from parnet_zoo.recipe import load_recipe
from tests.conftest import CLOCKS, PROGRAMS, Done, parnet_zoo_command, user_environment
from tests.test_cli import write_pictures

pytestmark = pytest.mark.slow

Run = Callable[..., Done]

TINY = """\
name: tiny
epochs: 2
batch_size: 8
precision: float32
model:
  name: parnet_test
  resolution: 32
data:
  root: pictures
  validation: 0.25
"""


def store(folder: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")


def the_run(done: Done) -> Any:
    return store(done.folder).get_run(done.json["run_id"])


def aliased(folder: Path, name: str, alias: str) -> int:
    return int(store(folder).get_model_version_by_alias(name, alias).version)


def artifact(done: Done, path: str) -> Path:
    uri = the_run(done).info.artifact_uri
    return Path(uri.removeprefix("file://")) / path


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with a recipe for a tiny network and pictures in two plain colours."""
    (tmp_path / "tiny.yaml").write_text(TINY)
    counts = {"train/a": 24, "train/bbbbb": 24, "test/a": 8, "test/bbbbb": 8}
    write_pictures(tmp_path / "pictures", counts)
    return tmp_path


def test_the_quickstart_reads_99_of_100_test_digits(quickstart: Done) -> None:
    assert quickstart.json["metrics"]["test_accuracy"] >= 0.99


def test_the_run_is_finished_and_has_its_parameters(quickstart: Done) -> None:
    run = the_run(quickstart)
    assert run.info.status == "FINISHED"
    params = run.data.params
    assert params["optimizer.name"] == "adamw"
    assert params["spec.scaling.stem"] == "small"
    assert params["data.root"] == "datasets/digits"
    assert int(params["cost.parameters"]) > 100_000


def test_every_epoch_has_its_metrics_at_its_step(quickstart: Done) -> None:
    epochs = load_recipe("quickstart").recipe.epochs
    for name in (
        "loss", "accuracy", "val_loss", "val_accuracy",
        "learning_rate", "images_per_second", "cpu_seconds",
    ):  # fmt: skip
        history = store(quickstart.folder).get_metric_history(quickstart.json["run_id"], name)
        assert [point.step for point in history] == list(range(1, epochs + 1)), name
    test = store(quickstart.folder).get_metric_history(quickstart.json["run_id"], "test_accuracy")
    assert [point.step for point in test] == [epochs]


def test_the_resolved_recipe_is_logged_and_is_the_recipe(quickstart: Done) -> None:
    logged = load_recipe(artifact(quickstart, "recipe.yaml")).recipe
    assert logged == load_recipe("quickstart").recipe
    assert the_run(quickstart).data.tags["parnet_zoo.recipe_digest"] == logged.digest


def test_weights_figures_versions_and_report_are_artifacts(quickstart: Done) -> None:
    for path in (
        "weights/best.weights.h5", "figures/learning_curves.png",
        "figures/confusion_matrix_test.png", "evaluation/test.json", "versions.json", "plan.txt",
    ):  # fmt: skip
        assert artifact(quickstart, path).stat().st_size > 0, path


def test_the_keras_weights_are_those_that_are_served(quickstart: Done) -> None:
    recipe = load_recipe("quickstart").recipe
    model = recipe.spec().build(num_classes=10)
    model.load_weights(artifact(quickstart, "weights/best.weights.h5"))
    paths = sorted((quickstart.folder / "datasets/digits/test").glob("*/*.png"))[::9]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(quickstart.folder)
        classifier = parnet_zoo.load(quickstart.json["model_uri"])
    pixels = np.stack([classifier.decode(path) for path in paths])
    logits = np.asarray(model(pixels.astype("float32") / 255), "float64")
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    expected = powers / powers.sum(-1, keepdims=True)
    np.testing.assert_allclose(classifier.probabilities(pixels), expected, atol=1e-5)


def test_deploy_form_and_training_form_were_compared_on_real_images(quickstart: Done) -> None:
    metrics = quickstart.json["metrics"]
    assert 0 < metrics["deploy_max_logit_difference"] < 1e-3
    assert metrics["deploy_max_probability_difference"] < 1e-5


def test_the_first_version_is_champion_and_nothing_is_left_in_the_working_folder(
    quickstart: Done,
) -> None:
    version = store(quickstart.folder).get_model_version_by_alias("digits", "champion")
    assert int(version.version) == quickstart.json["model_version"] == 1
    assert version.run_id == quickstart.json["run_id"]
    assert list((quickstart.folder / ".parnet-zoo" / "runs").iterdir()) == []


@pytest.fixture
def in_tiny(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That folder as the working directory of this very process."""
    monkeypatch.chdir(tiny)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    return tiny


def test_a_later_version_is_candidate_unless_the_recipe_promotes_the_better(tiny: Path) -> None:
    poor = ("--epochs", "1", "--set", "optimizer.learning_rate=1e-9")
    first = parnet_zoo_command(tiny, "train", "tiny.yaml", *poor, "--json")
    second = parnet_zoo_command(tiny, "train", "tiny.yaml", "--epochs", "1", "--json")
    assert [first.json["alias"], second.json["alias"]] == ["champion", "candidate"]
    rule = ("--set", "register.promote=if_better", "--json")
    third = parnet_zoo_command(tiny, "train", "tiny.yaml", "--epochs", "12", *rule)
    assert third.json["alias"] == "champion", third.stderr
    assert "of the champion models:/tiny/1" in third.stderr
    assert aliased(tiny, "tiny", "previous") == 1
    # a perfect champion cannot be beaten
    fourth = parnet_zoo_command(tiny, "train", "tiny.yaml", "--epochs", "1", *rule)
    assert fourth.json["alias"] == "candidate"
    assert aliased(tiny, "tiny", "champion") == 3


def test_a_training_in_python_gives_the_same_and_predicts(
    in_tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = parnet_zoo.train("tiny.yaml", epochs=1, seed=7, quiet=True)
    assert capsys.readouterr() == ("", "")
    assert (result.experiment, result.model_uri) == ("tiny", "models:/tiny/1")
    assert store(in_tiny).get_run(result.run_id).data.params["seed"] == "7"
    picture = in_tiny / "pictures" / "test" / "a" / "0.png"
    answers = parnet_zoo.load("models:/tiny@champion").predict([picture, picture.read_bytes()])
    assert answers[0] == answers[1]
    assert answers[0]["label"] in result.labels


def test_unreadable_images_are_named_counted_and_skipped(tiny: Path) -> None:
    broken = tiny / "pictures" / "train" / "a" / "broken.png"
    broken.write_bytes((tiny / "pictures" / "train" / "a" / "0.png").read_bytes()[:40])
    (tiny / "pictures" / "test" / "a" / "no_image.jpg").write_text("hello")
    done = parnet_zoo_command(tiny, "train", "tiny.yaml", "--epochs", "1", "--json")
    assert done.code == 0, done.stderr
    assert "pictures/train/a/broken.png: " in done.stderr
    assert "1 of 17 test images are skipped" in done.stderr
    assert done.json["metrics"]["unreadable_images"] == 2
    assert "no_image.jpg" in artifact(done, "data/unreadable_test.tsv").read_text()
    metrics = the_run(done).data.metrics
    assert metrics["unreadable_test_images"] == 1
    # the seed decides in which of the two it is
    assert metrics["unreadable_train_images"] + metrics["unreadable_validation_images"] == 1
    split = "train" if metrics["unreadable_train_images"] else "validation"
    assert "broken.png" in artifact(done, f"data/unreadable_{split}.tsv").read_text()


def test_a_run_that_fails_is_failed_in_mlflow(tiny: Path) -> None:
    for picture in (tiny / "pictures" / "train" / "bbbbb").iterdir():
        picture.write_text("no picture")
    done = parnet_zoo_command(tiny, "train", "tiny.yaml", "--quiet")
    assert done.code == 3
    assert "no train image of bbbbb can be read" in done.stderr
    assert "Traceback" not in done.stderr
    [run] = store(tiny).search_runs(["1"])
    assert run.info.status == "FAILED"


def spoil(folder: Path) -> None:
    for picture in folder.iterdir():
        picture.write_text("no picture")


def test_unreadable_test_images_do_not_cost_the_trained_network(in_tiny: Path) -> None:
    spoil(in_tiny / "pictures" / "test" / "a")
    result = parnet_zoo.train("tiny.yaml", epochs=1, quiet=True)
    assert result.metrics["unreadable_images"] == 8
    assert "test_accuracy" in result.metrics
    spoil(in_tiny / "pictures" / "test" / "bbbbb")
    result = parnet_zoo.train("tiny.yaml", epochs=1, quiet=True)
    assert "test_accuracy" not in result.metrics
    assert result.model_version == 2


def test_a_training_that_diverges_says_so_and_registers_nothing(tiny: Path) -> None:
    done = parnet_zoo_command(
        tiny, "train", "tiny.yaml", "--json", "--set", "optimizer={name: sgd, learning_rate: 100}",
        "--set", "optimizer.momentum=0.99", "--epochs", "30",
    )  # fmt: skip
    if done.code == 0:
        pytest.fail(f"it did not diverge: {done.stdout}")
    assert (done.code, done.stdout) == (1, "")
    assert "the training diverged; lower optimizer.learning_rate" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert store(tiny).search_registered_models() == []


def test_what_is_registered_is_the_best_epoch(in_tiny: Path) -> None:
    settings = ["early_stopping={monitor: val_loss, patience: 2}", "optimizer.learning_rate=0.05"]
    result = parnet_zoo.train("tiny.yaml", overrides=settings, epochs=40, quiet=True)
    losses = [point.value for point in store(in_tiny).get_metric_history(result.run_id, "val_loss")]
    best = int(result.metrics["best_epoch"])
    assert losses[best - 1] == min(losses) == pytest.approx(result.metrics["best_val_loss"])
    # it stopped two epochs after the best one, unless the epochs ran out
    assert len(losses) in {best + 2, 40}


def test_a_family_without_a_deploy_form_is_served_as_trained(
    in_tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_tiny / "plain_family.py").write_text(
        "import keras\n"
        "def build(spec, *, num_classes=None):\n"
        "    layers = [keras.Input((None, None, 3)), keras.layers.Conv2D(4, 3, strides=2),\n"
        "              keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(num_classes)]\n"
        "    return keras.Sequential(layers)\n"
    )
    monkeypatch.syspath_prepend(str(in_tiny))
    with registry.temporary():
        registry.register(
            registry.BackboneSpec(
                name="plain", family="plain", builder="plain_family:build", resolution=32
            )
        )
        result = parnet_zoo.train("tiny.yaml", model="plain", epochs=1, quiet=True)
    assert "deploy_max_logit_difference" not in result.metrics
    picture = in_tiny / "pictures" / "test" / "a" / "0.png"
    assert parnet_zoo.load(result.model_uri).predict([picture])[0]["label"] in {"a", "bbbbb"}


@contextmanager
def training(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A training that has begun its epochs, and its run id."""
    process = subprocess.Popen(
        [str(PROGRAMS / "parnet-zoo"), "train", "tiny.yaml", *arguments],
        cwd=folder,
        env=user_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    run_id = ""
    try:
        for line in process.stderr:
            if line.startswith("run "):
                run_id = line.split()[1]
            if line.startswith("epoch 1/"):
                break
        assert run_id
        yield process, run_id
    finally:
        process.kill()
        process.communicate()


def test_a_run_killed_outright_is_marked_by_the_next_command(tiny: Path) -> None:
    with training(tiny, "--epochs", "5000") as (process, run_id):
        process.kill()
        process.wait()
    time.sleep(0.2)
    assert store(tiny).get_run(run_id).info.status == "RUNNING"
    done = parnet_zoo_command(tiny, "train", "tiny.yaml", "--epochs", "1", "--json")
    assert f"run {run_id} had been killed" in done.stderr
    assert store(tiny).get_run(run_id).info.status == "KILLED"
    assert the_run(done).info.status == "FINISHED"


def test_the_same_seed_gives_the_same_numbers(tiny: Path) -> None:
    settings = ("--set", "deterministic=true", "--set", "augmentation.rotation=20", "--json")
    first, second = (parnet_zoo_command(tiny, "train", "tiny.yaml", *settings) for _ in range(2))
    other = parnet_zoo_command(tiny, "train", "tiny.yaml", *settings, "--set", "seed=1")

    def numbers(done: Done) -> dict[str, float]:
        metrics = done.json["metrics"]
        return {name: value for name, value in metrics.items() if name not in CLOCKS}

    assert numbers(first) == numbers(second)
    assert numbers(first) != numbers(other)


@pytest.mark.parametrize(
    "settings",
    [
        ["ema=0.9", "label_smoothing=0.1", "class_weights={a: 2}"],
        ["optimizer={name: sgd, learning_rate: 0.1, momentum: 0.9, nesterov: true}"],
        ["optimizer={clip_norm: 1.0, weight_decay: 0.01, accumulation: 2, layer_decay: 0.5}"],
        ["schedule={name: exponential, decay: 0.5, warmup_epochs: 0.5}", "data.resize=crop"],
        ["schedule={name: one_cycle, head_epochs: 1}", "precision=mixed_bfloat16"],
        ["early_stopping={monitor: val_accuracy, patience: 1}", "data.cache=none"],
        [
            "augmentation={resized_crop: {}, randaugment: {}, erasing: {}}",
            "augmentation.color_jitter.hue=0.1",
            "augmentation.mixing={mixup: 0.2, cutmix: 1.0, until: 0.5}",
            "progressive=[{until: 0.5, resolution: 32}]",
            "model.resolution=64",
            "data.stored_resolution=80",
        ],
    ],
    ids=" ".join,
)
def test_every_way_to_train_ends_with_a_version(in_tiny: Path, settings: list[str]) -> None:
    result = parnet_zoo.train("tiny.yaml", overrides=settings, quiet=True)
    assert result.model_uri == "models:/tiny/1"
    assert np.isfinite(result.metrics["loss"])


def test_accuracy_with_mirror_images_is_measured_beside_the_plain_one(in_tiny: Path) -> None:
    result = parnet_zoo.train("tiny.yaml", overrides=["evaluation.flip=true"], quiet=True)
    assert {"test_accuracy", "test_flip_accuracy", "val_flip_loss"} <= set(result.metrics)


def test_a_trial_of_all_stages_is_short_and_never_becomes_champion(tiny: Path) -> None:
    done = parnet_zoo_command(tiny, "train", "tiny.yaml", "--smoke", "--json", "--epochs", "500")
    assert done.code == 0, done.stderr
    assert done.json["alias"] == "candidate"
    assert the_run(done).data.params["epochs"] == "2"
    assert the_run(done).data.tags["parnet_zoo.smoke"] == "true"
    assert not store(tiny).get_registered_model("tiny").aliases.get("champion")


def test_a_time_budget_decides_on_the_epochs(tiny: Path) -> None:
    done = parnet_zoo_command(tiny, "train", "tiny.yaml", "--time", "60s", "--json")
    assert done.code == 0, done.stderr
    assert "expected finish" in done.stderr
    epochs = store(tiny).get_metric_history(done.json["run_id"], "loss")
    assert len(epochs) > 5, "the recipe has two epochs"


def test_learning_rates_are_those_of_the_schedule(in_tiny: Path) -> None:
    settings = ["schedule={name: exponential, decay: 0.5}", "optimizer.learning_rate=0.01"]
    result = parnet_zoo.train("tiny.yaml", overrides=settings, epochs=3, quiet=True)
    history = store(in_tiny).get_metric_history(result.run_id, "learning_rate")
    assert [point.value for point in history] == pytest.approx([0.01, 0.005, 0.0025])


def test_an_unreachable_server_is_one_sentence_at_once(tiny: Path) -> None:
    environment = {**user_environment(), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    done = subprocess.run(
        [str(PROGRAMS / "parnet-zoo"), "train", "tiny.yaml", "--quiet"],
        cwd=tiny, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert "127.0.0.1:9" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_blogs_recipe_trains_its_network_validates_on_test_and_keeps_its_checkpoints(
    shared: Path, tmp_path: Path
) -> None:
    done = parnet_zoo_command(
        tmp_path, "train", "dogcat_blog", "--data", str(shared / "data" / "dogcat"),
        "--epochs", "1", "--image-size", "64", "--set", "data.limit=32",
        "--set", "model.scaling={width: 0.125, depth: [1, 1, 1]}", "--json",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "the test images are the validation images" in done.stderr
    spec = registry.get("parnet_blog_s").scaled(width=0.125, depth=(1, 1, 1), resolution=64)
    params = the_run(done).data.params
    assert (params["spec.family"], params["spec.name"]) == ("parnet_blog", spec.name)
    assert int(params["cost.parameters"]) == spec.cost(num_classes=2).parameters
    metrics = done.json["metrics"]
    assert metrics["deploy_max_probability_difference"] < 1e-5
    assert aliased(tmp_path, "dogcat_blog", "champion") == 1
    assert metrics["test_accuracy"] == pytest.approx(metrics["val_accuracy"], abs=1e-6)
    assert metrics["test_loss"] == pytest.approx(metrics["val_loss"], rel=0.05)
    run = the_run(done)
    kept = f"source_run_id = '{run.info.run_id}' AND tags.`parnet_zoo.checkpoint` = 'epoch'"
    [checkpoint] = store(tmp_path).search_logged_models([run.info.experiment_id], kept)
    expected = f"ep001-loss{metrics['loss']:.3f}-val_loss{metrics['val_loss']:.3f}"
    assert checkpoint.tags["parnet_zoo.file"].startswith(expected)
    assert {m.key: m.value for m in checkpoint.metrics}["val_loss"] == metrics["val_loss"]
    assert any(artifact(done, "tensorboard").rglob("events.out.tfevents.*"))


def test_two_minutes_of_dogs_and_cats(shared: Path, tmp_path: Path) -> None:
    done = parnet_zoo_command(
        tmp_path, "train", "dogcat", "--data", str(shared / "data" / "dogcat"),
        "--epochs", "1", "--image-size", "64", "--set", "data.limit=400", "--json",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "train         400 images; cat: 200, dog: 200" in done.stderr
    assert done.json["labels"] == ["cat", "dog"]
    spec = load_recipe("dogcat", image_size=64).recipe.spec()
    assert the_run(done).data.params["spec.name"] == spec.name
    assert spec.cost(num_classes=2).parameters == int(the_run(done).data.params["cost.parameters"])


def test_odd_images_do_not_stop_a_training(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    odd = [path for path in (shared / "data" / "odd_images").rglob("*.*") if path.suffix != ".csv"]
    for number, path in enumerate(sorted(odd)):
        target = tmp_path / "pictures" / "train" / ("a" if number % 2 else "b") / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    done = parnet_zoo_command(tmp_path, "train", "tiny.yaml", "--epochs", "1", "--json")
    assert done.code == 0, done.stderr
    skipped = done.json["metrics"]["unreadable_images"]
    assert 3 <= skipped <= 8
    assert "truncated_jpeg.jpg" in done.stderr
