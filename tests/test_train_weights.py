"""Trainings that start from weights: a local file's, a run's, a registered version's."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import parnet_zoo
from parnet_zoo.networks.checkpoints.errors import CheckpointError
from parnet_zoo.recipe import RecipeError
from parnet_zoo.training.run import plan_training
from tests.conftest import Done, parnet_zoo_command
from tests.test_cli import write_pictures
from tests.test_train import TINY, artifact, store, the_run


@pytest.fixture
def in_tiny(own_store: Path) -> Path:
    """This process in a folder with a recipe for a tiny network and pictures in two colours."""
    folder = own_store.parent
    (folder / "tiny.yaml").write_text(TINY)
    write_pictures(folder / "pictures", {"train/a": 24, "train/bbbbb": 24})
    return folder


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Numbers of a file of weights by layer and place."""
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        for layer in file["layers"].values():
            name = layer["vars"].attrs["name"]
            found |= {f"{name}/{place}": array[()] for place, array in layer["vars"].items()}
    return found


def test_weights_that_are_missing_are_reported_before_anything_begins(in_tiny: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        plan_training("tiny.yaml", weights="nothing.weights.h5")
    assert str(caught.value) == (
        "weights=nothing.weights.h5 model.weights: nothing.weights.h5: there is no such file"
    )
    text = TINY.replace("  resolution: 32\n", "  resolution: 32\n  weights: cut.keras\n")
    Path("tiny.yaml").write_text(text)
    Path("cut.keras").write_bytes(b"PK")
    with pytest.raises(RecipeError) as caught:
        plan_training("tiny.yaml")
    assert str(caught.value).startswith(
        "tiny.yaml:8:12 model.weights: cut.keras: it is damaged or truncated"
    )
    Path("tiny.yaml").write_text(text.replace("cut.keras", "https://example.org/x.keras"))
    with pytest.raises(RecipeError, match=r"tiny.yaml:8:12 model.weights: .* is no address of"):
        plan_training("tiny.yaml")


@pytest.mark.slow
def test_a_missing_file_is_a_usage_error_named_as_the_flag_was_typed(in_tiny: Path) -> None:
    name = "a-long-name-that-a-label-cannot-show-in-full.weights.h5"
    done = parnet_zoo_command(in_tiny, "train", "tiny.yaml", "--weights", name)
    assert done.code == 2
    assert done.stderr == f"--weights {name} model.weights: {name}: there is no such file\n"
    for source, reason in (("models:/tiny@champion", "tiny"), ("runs:/0a1b2c", "0a1b2c")):
        done = parnet_zoo_command(in_tiny, "train", "tiny.yaml", "--weights", source, "--quiet")
        assert done.code == 4
        assert done.stderr.startswith(f"cannot get {source} from the MLflow store sqlite:///")
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
    assert store(in_tiny).search_experiments(filter_string="name = 'tiny'") == []


@pytest.fixture(scope="module")
def few_digits(quickstart: Done, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the quickstart's folder with a task of four of its digits."""
    folder = tmp_path_factory.mktemp("few") / "folder"
    shutil.copytree(quickstart.folder, folder)
    for digit in "2468":
        for split in ("train", "test"):
            shutil.copytree(
                folder / f"datasets/digits/{split}/{digit}", folder / f"few/{split}/{digit}"
            )
    return folder


def trained_on_few(folder: Path, *arguments: str) -> Done:
    done = parnet_zoo_command(
        folder, "train", "quickstart", "--data", "few", "--epochs", "1", "--json",
        "--set", "data.source=null", "--set", "register.name=few",
        "--set", "tracking.experiment=few", *arguments,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    return done


@pytest.mark.slow
def test_training_goes_on_from_where_the_run_that_left_the_weights_had_come(
    few_digits: Path, quickstart: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = quickstart.json["run_id"]
    first, *_, last = store(quickstart.folder).get_metric_history(run_id, "loss")
    monkeypatch.chdir(few_digits)
    result = parnet_zoo.train(
        "quickstart",
        overrides=["data.limit=200", "optimizer.learning_rate=1e-5"],
        epochs=1,
        weights=f"runs:/{run_id}",
        register={"name": "more"},
        tracking={"experiment": "more"},
        quiet=True,
    )
    assert first.value > 2 * last.value
    assert result.metrics["loss"] == pytest.approx(last.value, abs=0.1)
    assert result.metrics["val_accuracy"] > 0.95


@pytest.mark.slow
def test_a_registered_versions_weights_give_another_task_a_far_better_start(
    few_digits: Path, quickstart: Done
) -> None:
    started = trained_on_few(few_digits, "--weights", "models:/digits@champion")
    random = trained_on_few(few_digits)
    assert started.json["metrics"]["val_loss"] < random.json["metrics"]["val_loss"] / 2
    assert started.json["metrics"]["test_accuracy"] > 0.9

    best = artifact(quickstart, "weights/best.weights.h5")
    params = the_run(started).data.params
    assert params["model.weights"] == "models:/digits@champion"
    assert params["weights.sha256"] == hashlib.sha256(best.read_bytes()).hexdigest()
    assert "weights.sha256" not in the_run(random).data.params
    told = "left out: head_logits (10 classes in the file, 4 here)"
    assert f"weights from best.weights.h5: 56 layers loaded; {told}" in started.stderr
    assert told in artifact(started, "weights/loaded.txt").read_text()
    assert "weights         models:/digits@champion\n" in artifact(started, "plan.txt").read_text()


@pytest.mark.slow
def test_frozen_stages_are_registered_as_they_came_under_ema_and_mixed_precision(
    in_tiny: Path,
) -> None:
    first = parnet_zoo.train("tiny.yaml", epochs=1, quiet=True)
    source = f"runs:/{first.run_id}/weights/best.weights.h5"
    second = parnet_zoo.train(
        "tiny.yaml",
        overrides=["model.freeze=[stem, stream_0]", "ema=0.9", "precision=mixed_bfloat16"],
        epochs=1,
        weights=source,
        quiet=True,
    )
    before, after = (arrays(best_weights(in_tiny, result.run_id)) for result in (first, second))
    assert before.keys() == after.keys()
    for name, value in after.items():
        frozen = name.startswith(("stem_", "stream_0_"))
        assert np.array_equal(value, before[name]) == frozen, name
    params = store(in_tiny).get_run(second.run_id).data.params
    assert (params["model.freeze"], params["model.weights"]) == ('["stem", "stream_0"]', source)


def best_weights(folder: Path, run_id: str) -> Path:
    uri: Any = store(folder).get_run(run_id).info.artifact_uri
    return Path(uri.removeprefix("file://")) / "weights" / "best.weights.h5"


@pytest.mark.slow
def test_weights_of_another_network_are_refused_before_there_is_a_run(in_tiny: Path) -> None:
    import registry

    registry.get("parnet_test").scaled(depth=(2, 1, 1)).build(num_classes=2).save_weights(
        in_tiny / "other.weights.h5"
    )
    with pytest.raises(CheckpointError, match="are not the weights of parnet_test") as caught:
        parnet_zoo.train("tiny.yaml", weights="other.weights.h5", quiet=True)
    assert len(str(caught.value).splitlines()) == 1
    assert not Path(".parnet-zoo").exists()
    assert [found.name for found in store(in_tiny).search_experiments()] == ["Default"]
