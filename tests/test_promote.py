"""Promoting and rolling back registered versions that are measured now."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

import parnet_zoo
from parnet_zoo.data.folder import scan
from parnet_zoo.errors import DataError, ParnetZooError, TrackingError, UsageError
from parnet_zoo.recipe import load_recipe
from parnet_zoo.serving.version import log_version
from parnet_zoo.training.promote import promote
from parnet_zoo.training.rollback import rollback
from tests.conftest import Done, parnet_zoo_command
from tests.serving_helpers import colour_model, encoded

CLASSES = ("a", "b", "c")
COLOURS = {"a": "red", "b": "green", "c": "blue"}
RECIPE = """\
name: colours
epochs: 1
model:
  name: parnet_test
  resolution: 32
data:
  root: pictures
  validation: 0.5
"""
# Far from their class's colour: the class is never named, and its images are wrong.
BLIND = {"bad": [9.0, 9.0, 0.5], "middling": [9.0, 0.5, 0.5], "good": [0.5, 0.5, 0.5]}
ACCURACY = {"bad": 1 / 3, "middling": 2 / 3, "good": 1.0}

slow = pytest.mark.slow


def draw(root: Path, splits: tuple[str, ...] = ("train",), number: int = 8) -> Path:
    for split in splits:
        for name, colour in COLOURS.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for index in range(number):
                (folder / f"{index}.png").write_bytes(encoded(colour, size=(12 + index, 9)))
    return root


@dataclass
class Models:
    """A store with three logged models, and versions of `colours` that are made of them."""

    folder: Path
    ids: dict[str, str]
    runs: dict[str, str]

    @property
    def client(self) -> MlflowClient:
        return MlflowClient()

    def register(self, *kinds: str) -> None:
        for kind in kinds:
            mlflow.register_model(f"models:/{self.ids[kind]}", "colours")

    def recipe(self, kind: str, text: str) -> None:
        """Change what the run says that it was trained with."""
        path = self.folder / "given.yaml"
        path.write_text(RECIPE + text)
        recipe = load_recipe(path).recipe
        self.client.log_text(self.runs[kind], recipe.to_yaml(), "recipe.yaml")

    def champion(self, version: int) -> None:
        self.client.set_registered_model_alias("colours", "champion", str(version))

    def aliases(self) -> dict[str, int]:
        found = self.client.get_registered_model("colours").aliases
        return {alias: int(version) for alias, version in found.items()}

    def tags(self, version: int) -> dict[str, str]:
        found = self.client.get_model_version("colours", str(version)).tags
        return {name.rpartition(".")[2]: value for name, value in found.items()}

    def files(self, version: int) -> Path:
        source = self.client.get_model_version("colours", str(version)).source
        model = self.client.get_logged_model(source.rpartition("/")[2])
        return Path(model.artifact_location.removeprefix("file://"))


@pytest.fixture(scope="module")
def logged(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    folder = tmp_path_factory.mktemp("promote")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
            patch.delenv(name)
        shutil.copy(empty_store, folder / "mlflow.db")
        draw(folder / "pictures")
        models = Models(folder, {}, {})
        for kind, mean in BLIND.items():
            log(models, kind, mean)
        yield models


def log(models: Models, kind: str, mean: list[float], labels: tuple[str, ...] = CLASSES) -> None:
    client = models.client
    found = client.get_experiment_by_name("colours")
    experiment = found.experiment_id if found else client.create_experiment("colours")
    scanned = scan(models.folder / "pictures", validation=0.5, seed=0)
    run = client.create_run(
        experiment,
        tags={
            "parnet_zoo.data_digest": scanned.digest,
            "parnet_zoo.directory": str(models.folder / ".parnet-zoo" / "runs" / "r"),
        },
    ).info.run_id
    # Remembered numbers, and wrong ones.
    client.log_metric(run, "best_val_accuracy", 1 - ACCURACY.get(kind, 0))
    client.log_metric(run, "deploy_max_probability_difference", 1e-5)
    packed = colour_model(models.folder / f"packed-{kind}", labels=labels, mean=mean)
    name = f"made-{kind}"
    version = log_version(packed, run_id=run, name=name, example=encoded(), metadata={})
    source = client.get_model_version(name, str(version.version)).source
    models.ids[kind], models.runs[kind] = source.rpartition("/")[2], run


@pytest.fixture
def models(logged: Models, monkeypatch: pytest.MonkeyPatch) -> Iterator[Models]:
    """The same store, with no version of `colours` yet, and each run's recipe as it was."""
    monkeypatch.chdir(logged.folder)
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    logged.client.create_registered_model("colours")
    for kind in BLIND:
        logged.recipe(kind, "")
    yield logged
    logged.client.delete_registered_model("colours")
    shutil.rmtree(logged.folder / "pictures", ignore_errors=True)
    draw(logged.folder / "pictures")


@slow
def test_a_better_version_takes_over_whatever_the_remembered_numbers_say(models: Models) -> None:
    models.register("middling", "good")
    models.champion(1)
    done = promote("models:/colours/2", quiet=True)
    assert (done.promoted, done.alias, done.champion, done.previous) == (True, "champion", 2, 1)
    assert done.reason == (
        "accuracy 1.0000 is better than 0.6667 of the champion models:/colours/1, on 12 images"
    )
    assert models.aliases() == {"champion": 2, "previous": 1}
    tags = models.tags(2)
    assert (tags["accuracy"], tags["champion_accuracy"], tags["images"]) == ("1", "0.666667", "12")
    assert (tags["rule"], tags["decision"]) == ("promote", "champion")
    assert tags["by"]
    assert "forced" not in tags
    again = promote("models:/colours@champion", quiet=True)
    assert (again.promoted, again.previous) == (True, None)
    assert again.reason == "version 2 is champion already"


@slow
def test_a_version_that_is_not_better_is_not_promoted_but_force_does_it_and_says_so(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    models.register("good", "middling", "good")
    models.champion(1)
    done = promote("models:/colours/2", quiet=True)
    assert (done.promoted, done.alias, done.champion) == (False, None, 1)
    assert "0.6667 is not better than 1.0000" in done.reason
    assert models.tags(2)["decision"] == "none"
    assert not promote("models:/colours/3", quiet=True).promoted  # equal is not better
    assert models.aliases() == {"champion": 1}
    forced = promote("models:/colours/2", force=True, quiet=True)
    assert (forced.promoted, forced.forced, forced.previous) == (True, True, 1)
    assert "promoted by force, although accuracy 0.6667 is not better" in models.tags(2)["reason"]
    assert models.tags(2)["forced"] == "true"
    assert "promoted by force" in capsys.readouterr().err


@slow
@pytest.mark.parametrize(
    ("gate", "sentence"),
    [
        ("minimum_accuracy: 0.9", "accuracy 0.6667 is below register.gate.minimum_accuracy 0.9"),
        ("maximum_latency_ms: 1e-6", "is above register.gate.maximum_latency_ms 1e-06"),
        ("maximum_deploy_difference: 1e-6", "deploy difference 1.00e-05 is above"),
    ],
)
def test_the_gate_of_the_versions_recipe_guards_champion(
    models: Models, gate: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    models.recipe("middling", f"register:\n  gate: {{{gate}}}\n")
    models.register("middling")
    done = promote("models:/colours/1", quiet=True)
    assert not done.promoted
    assert "does not pass the gate" in done.reason
    assert sentence in done.reason
    assert models.aliases() == {}
    if "deploy" in gate:  # the run has left no weights to measure it with
        assert "the training's number counts" in capsys.readouterr().err
    assert promote("models:/colours/1", force=True, quiet=True).promoted


@slow
def test_a_gate_that_is_passed_is_no_hindrance(models: Models) -> None:
    gate = "{minimum_accuracy: 0.6, maximum_latency_ms: 60000, maximum_deploy_difference: 1e-4}"
    models.recipe("middling", f"register:\n  gate: {gate}\n")
    models.register("middling")
    assert promote("models:/colours/1", quiet=True).promoted
    tags = models.tags(1)
    assert float(tags["latency_ms"]) > 0
    assert float(tags["deploy_difference"]) == 1e-5


@slow
def test_limited_and_smoke_runs_take_no_champions_place(models: Models) -> None:
    models.register("good", "bad", "middling")
    data = scan(Path("pictures"), validation=0.5, seed=0, limit=3)
    models.client.set_tag(models.runs["good"], "parnet_zoo.data_digest", data.digest)
    models.recipe("good", "")
    text = RECIPE.replace("  validation: 0.5\n", "  validation: 0.5\n  limit: 3\n")
    limited = models.folder / "limited.yaml"
    limited.write_text(text)
    recipe = load_recipe(limited).recipe
    models.client.log_text(models.runs["good"], recipe.to_yaml(), "recipe.yaml")
    try:
        models.champion(2)
        assert "data.limit" in promote("models:/colours/1", quiet=True).reason
        assert models.aliases() == {"champion": 2}
        models.client.delete_registered_model_alias("colours", "champion")
        assert promote("models:/colours/1", quiet=True).promoted  # there was none
    finally:
        whole = scan(Path("pictures"), validation=0.5, seed=0)
        models.client.set_tag(models.runs["good"], "parnet_zoo.data_digest", whole.digest)
    models.recipe("middling", "smoke: true\n")
    models.client.delete_registered_model_alias("colours", "champion")
    assert "smoke run" in promote("models:/colours/3", quiet=True).reason
    assert models.aliases() == {}
    assert promote("models:/colours/3", force=True, quiet=True).promoted


@slow
def test_images_that_have_gone_or_changed_are_said_and_others_can_be_given(
    models: Models, tmp_path: Path
) -> None:
    models.register("middling", "good")
    models.champion(1)
    moved = tmp_path / "moved"
    shutil.copytree("pictures", moved)
    Path("pictures/train/a/99.png").write_bytes(encoded("red"))
    with pytest.raises(DataError, match=r"are not those any more .* --data PATH"):
        promote("models:/colours/2", quiet=True)
    shutil.rmtree("pictures")
    with pytest.raises(DataError, match="--data PATH"):
        promote("models:/colours/2", quiet=True)
    assert models.aliases() == {"champion": 1}
    done = promote("models:/colours/2", data=moved, quiet=True)  # the same images elsewhere
    assert done.details["data"] == "own validation images"
    assert done.details["images"] == "12"


@slow
@pytest.mark.parametrize(("splits", "images"), [(("train", "test"), 24), (("",), 24)])
def test_given_images_are_the_test_split_or_all_of_a_plain_folder(
    models: Models, tmp_path: Path, splits: tuple[str, ...], images: int
) -> None:
    given = draw(tmp_path / "given", splits)
    (given / splits[-1] / "a" / "broken.png").write_bytes(b"no picture")
    models.register("middling", "good")
    models.champion(1)
    done = promote("models:/colours/2", data=given, quiet=True)
    assert done.promoted
    assert done.details["images"] == str(images)


@slow
def test_images_that_cannot_be_compared_on_are_refused(models: Models, tmp_path: Path) -> None:
    models.register("good")
    train_only = draw(tmp_path / "train-only", number=3)
    with pytest.raises(DataError, match="has training images only"):
        promote("models:/colours/1", data=train_only, quiet=True)
    with pytest.raises(DataError, match="there is no folder"):
        promote("models:/colours/1", data=tmp_path / "nowhere", quiet=True)
    others = draw(tmp_path / "others", ("",))
    (others / "a").rename(others / "z")
    with pytest.raises(UsageError, match="knows the classes a, b, c, and the images have b, c, z"):
        promote("models:/colours/1", data=others, quiet=True)
    done = promote("models:/colours/1", data=others, force=True, quiet=True)
    assert done.promoted
    assert "no images to measure it on" in done.reason


@slow
def test_a_run_from_another_folder_finds_its_images_where_it_was_trained(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models.register("good")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{models.folder}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    assert promote("models:/colours/1", quiet=True).promoted


@slow
def test_a_champion_that_cannot_be_loaded_stays_until_it_is_overruled(models: Models) -> None:
    models.register("bad", "good")
    models.champion(1)
    network = models.files(1) / "artifacts" / "model" / "model.onnx"
    content = network.read_bytes()
    network.write_bytes(b"broken")
    try:
        done = promote("models:/colours/2", quiet=True)
        assert not done.promoted
        assert "champion models:/colours/1 cannot be asked" in done.reason
        assert "--force takes its place" in done.reason
        assert promote("models:/colours/2", force=True, quiet=True).promoted
        with pytest.raises(TrackingError, match="cannot be champion again, since it cannot be"):
            rollback("colours")
        assert models.aliases() == {"champion": 2, "previous": 1}
    finally:
        network.write_bytes(content)


@slow
def test_a_champion_that_was_deleted_is_in_nobodys_way(models: Models) -> None:
    models.register("good", "bad")
    models.champion(1)
    models.client.delete_model_version("colours", "1")
    assert promote("models:/colours/2", quiet=True).promoted


@slow
def test_a_champion_of_other_classes_stays(models: Models) -> None:
    if "other" not in models.ids:
        log(models, "other", [0.5] * 3, labels=("x", "y", "z"))
    models.register("other", "good")
    models.champion(1)
    done = promote("models:/colours/2", quiet=True)
    assert not done.promoted
    assert "knows other classes (x, y, z)" in done.reason


@slow
def test_rollback_makes_previous_champion_again(models: Models) -> None:
    models.register("bad", "middling", "good")
    for version in (1, 2, 3):
        assert promote(f"models:/colours/{version}", quiet=True).promoted
    first = rollback("colours")
    assert (first.champion, first.previous, first.rolled_back) == (2, 1, 3)
    second = rollback("models:/colours")
    assert (second.model_uri, second.previous) == ("models:/colours/1", None)
    with pytest.raises(TrackingError, match="no champion to go back to"):
        rollback("colours")


@slow
def test_the_command_line_says_it_in_words_in_json_and_by_its_exit_code(models: Models) -> None:
    models.register("middling", "good", "bad")
    models.champion(1)

    def run(*arguments: str) -> Done:
        return parnet_zoo_command(models.folder, *arguments)

    won = run("promote", "models:/colours/2")
    assert won.code == 0, won.stderr
    assert "version   models:/colours/2 is champion" in won.stdout
    assert "previous  models:/colours/1" in won.stdout
    lost = run("promote", "models:/colours/3", "--json", "--quiet")
    assert (lost.code, lost.json["promoted"], lost.json["champion"]) == (6, False, 2)
    assert json.loads(lost.stdout)["details"]["accuracy"] == "0.333333"
    back = run("rollback", "colours", "--json")
    assert (back.code, back.json["champion"], back.json["rolled_back"]) == (0, 1, 2)
    nothing = run("rollback", "colours")
    assert (nothing.code, nothing.stdout) == (4, "")
    assert len(nothing.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "uri", ["colours", "models:/colours", "runs:/abc", "models:/m-" + 32 * "0"]
)
def test_an_address_of_no_version_is_refused(own_store: Path, uri: str) -> None:
    with pytest.raises(UsageError, match="names no registered version: give models:/NAME/VERSION"):
        promote(uri)


@pytest.mark.parametrize("act", [lambda: promote("models:/colours/1"), lambda: rollback("colours")])
def test_no_store_is_made_where_there_is_none(act: Callable[[], Any], own_store: Path) -> None:
    own_store.unlink()
    with pytest.raises(ParnetZooError, match="there is no MLflow store"):
        act()
    assert not own_store.exists()


def test_what_is_not_in_the_store_is_said(own_store: Path) -> None:
    with pytest.raises(TrackingError, match="there is no version models:/colours/1 in the MLflow"):
        promote("models:/colours/1")
    with pytest.raises(TrackingError, match="there is no registered model 'colours'"):
        rollback("colours")


@slow
def test_a_training_heeds_the_gate_from_the_first_version_on_and_trials_move_no_alias(
    own_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(Path("pictures"))
    Path("colours.yaml").write_text(RECIPE)

    def train(*settings: str, smoke: bool = False) -> str | None:
        result = parnet_zoo.train("colours.yaml", overrides=settings, smoke=smoke, quiet=True)
        tags = client.get_run(result.run_id).data.tags
        assert tags["parnet_zoo.promotion.decision"] == (result.alias or "none")
        return result.alias

    client = MlflowClient()
    assert train("register.gate.maximum_latency_ms=1e-6") == "candidate"
    warning = capsys.readouterr().err
    assert "version 1 is candidate: it does not pass the gate: latency" in warning
    assert "ms is above register.gate.maximum_latency_ms 1e-06" in warning
    assert train("data.limit=3") == "champion"  # there was none
    assert train("data.limit=3", "register.promote=if_better") is None
    assert train(smoke=True) is None
    found = client.get_registered_model("colours").aliases
    assert {alias: int(version) for alias, version in found.items()} == {
        "candidate": 1,
        "champion": 2,
    }
    reason = client.get_model_version("colours", "3").tags["parnet_zoo.promotion.reason"]
    assert "data.limit" in reason


@slow
def test_the_deploy_difference_is_measured_anew_from_the_weights_of_the_run(
    quickstart: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    shutil.copytree(quickstart.folder, folder)
    monkeypatch.chdir(folder)
    uri = f"sqlite:///{folder}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    client = MlflowClient(tracking_uri=uri)
    run = quickstart.json["run_id"]
    given = folder / "gate.yaml"
    gate = "register: {gate: {maximum_deploy_difference: 1e-4}}"
    given.write_text(f"extends: quickstart\n{gate}\n")
    kept = load_recipe("quickstart", ["register.gate.maximum_deploy_difference=1e-4"]).recipe
    # The copy of the store names the artifacts of the original, which other tests look at.
    before = Path(client.download_artifacts(run, "recipe.yaml", str(tmp_path))).read_text()
    client.log_text(run, kept.to_yaml(), "recipe.yaml")
    client.delete_registered_model_alias("digits", "champion")
    try:
        done = promote("models:/digits/1", quiet=True)
    finally:
        client.log_text(run, before, "recipe.yaml")
    assert done.promoted
    assert 0 < float(done.details["deploy_difference"]) < 1e-5
    assert float(done.details["accuracy"]) > 0.9
