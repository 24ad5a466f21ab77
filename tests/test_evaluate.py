"""`evaluate`: what a version is worth on images."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from parnet_zoo.errors import DataError, TrackingError, UsageError
from parnet_zoo.evaluation.corruptions import CORRUPTIONS
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.training.evaluate import evaluate
from parnet_zoo.training.evaluating.evaluation import Evaluation
from tests.conftest import Done, parnet_zoo_command
from tests.serving_helpers import colour_model, encoded, expected_probabilities, logged

SHADES = {"red": (220, 60, 40), "green": (50, 200, 70), "blue": (30, 60, 210)}
"""Pictures that `colour_model` gets right."""


def pictures(root: Path, splits: Mapping[str, Mapping[str, Sequence[Any]]]) -> Path:
    """Write `root/SPLIT/CLASS/N.png`, one for each colour; a split "" lies at the root."""
    for split, classes in splits.items():
        for name, colours in classes.items():
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for number, colour in enumerate(colours):
                (folder / f"{number}.png").write_bytes(encoded(colour))
    return root


def right(each: int = 4) -> dict[str, list[tuple[int, ...]]]:
    """So many pictures of each class, no two alike."""
    return {
        name: [tuple(max(0, value - 5 * number) for value in shade) for number in range(each)]
        for name, shade in SHADES.items()
    }


def quickly(model: Path, data: Path, **options: Any) -> Evaluation:
    return evaluate(model, data, averaging=False, robustness=False, quiet=True, **options)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return colour_model(tmp_path / "model")


def test_the_numbers_are_those_of_the_served_answers(model: Path, tmp_path: Path) -> None:
    classes = right() | {"red": [SHADES["red"], SHADES["red"], SHADES["red"], SHADES["blue"]]}
    found = quickly(model, pictures(tmp_path / "data", {"": classes}))
    said = [expected_probabilities(c)[("red", "green", "blue").index(name)]
            for name, colours in classes.items() for c in colours]  # fmt: skip
    assert found.top1 == 11 / 12
    assert found.log_loss == pytest.approx(-np.log(said).mean(), rel=1e-4)
    assert found.top5 is None, "three classes: five say nothing"
    rows = {row.name: row for row in found.classes}
    assert (rows["red"].precision, rows["red"].recall) == (1.0, 0.75)
    assert (rows["blue"].precision, rows["blue"].recall) == (0.8, 1.0)
    assert found.average.recall == pytest.approx((0.75 + 1 + 1) / 3)
    assert found.data.images == 12
    assert found.data.classes == {"red": 4, "green": 4, "blue": 4}


def test_averaging_and_robustness_do_what_they_say(model: Path, tmp_path: Path) -> None:
    found = evaluate(model, pictures(tmp_path / "data", {"": right(2)}), quiet=True)
    # Pictures of one colour: mirroring, cropping and blurring change nothing.
    for averaged in (found.flip, found.ten_crop):
        assert averaged is not None
        assert averaged.top1 == found.top1 == 1
        assert averaged.log_loss == pytest.approx(found.log_loss, rel=1e-4)
    assert [(r.corruption, r.strength) for r in found.robustness] == [
        (c.kind, c.strength) for c in CORRUPTIONS
    ]
    assert all(r.top1 == 1 for r in found.robustness if r.corruption == "blur")
    mean = np.mean([r.top1 for r in found.robustness])
    assert found.mean_corrupted_top1 == pytest.approx(mean)


def test_an_evaluation_repeats_itself_and_its_noise_changes_with_the_seed(
    model: Path, tmp_path: Path
) -> None:
    nearly = {"red": [(130, 128, 126)] * 6, "green": [(127, 129, 126)] * 6}
    data = pictures(tmp_path / "data", {"": nearly})
    first, again, other = (
        evaluate(model, data, averaging=False, quiet=True, seed=seed) for seed in (1, 1, 2)
    )
    assert first.robustness == again.robustness
    assert first.robustness != other.robustness


def test_the_temperature_is_fitted_on_one_half_and_measured_on_the_other(
    model: Path, tmp_path: Path
) -> None:
    found = quickly(model, pictures(tmp_path / "data", {"": right(5)}))
    assert found.calibration is not None
    assert (found.calibration.fitted_images, found.calibration.measured_images) == (7, 8)
    assert found.calibration.ece_calibrated < found.calibration.ece


def test_three_images_have_no_temperature(model: Path, tmp_path: Path) -> None:
    found = quickly(model, pictures(tmp_path / "data", {"": right(1)}))
    assert found.calibration is None
    assert found.top1 == 1


class TestWhichImages:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        return pictures(tmp_path / "colours", {"train": right(10), "test": right(2)})

    def test_the_test_images_are_the_default(self, model: Path, data: Path) -> None:
        found = quickly(model, data)
        assert (found.data.split, found.data.images) == ("test", 6)
        assert found.data.name == "colours-test"

    @pytest.mark.parametrize(("split", "images"), [("train", 27), ("validation", 3), ("all", 36)])
    def test_another_split_on_request(
        self, model: Path, data: Path, split: Any, images: int
    ) -> None:
        found = quickly(model, data, split=split)
        assert (found.data.split, found.data.images) == (split, images)

    def test_a_folder_without_splits_is_evaluated_whole(self, model: Path, tmp_path: Path) -> None:
        found = quickly(model, pictures(tmp_path / "whole", {"": right(3)}))
        assert (found.data.split, found.data.name, found.data.images) == ("all", "whole", 9)

    def test_an_archive_and_a_list_are_the_folder_that_they_were_made_of(
        self, model: Path, data: Path, tmp_path: Path
    ) -> None:
        archive = tmp_path / "colours.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(data, arcname="")
        listed = tmp_path / "list.csv"
        rows = [f"colours/{p.relative_to(data)},{p.parent.name}" for p in data.glob("test/*/*")]
        listed.write_text("\n".join(["path,label", *rows]) + "\n", "utf-8")
        folder = quickly(model, data)
        assert quickly(model, archive).log_loss == folder.log_loss
        assert quickly(model, archive).data.digest == folder.data.digest
        assert quickly(model, listed).log_loss == pytest.approx(folder.log_loss)

    def test_training_images_only_are_evaluated_only_when_asked_for(
        self, model: Path, tmp_path: Path
    ) -> None:
        data = pictures(tmp_path / "d", {"train": right(10)})
        with pytest.raises(DataError, match=r"training images only.*--split validation"):
            quickly(model, data)
        assert quickly(model, data, split="validation").data.images == 3

    def test_some_of_the_classes_are_enough_in_any_order(self, model: Path, tmp_path: Path) -> None:
        some = {"green": right()["green"], "blue": right()["blue"]}
        found = quickly(model, pictures(tmp_path / "d", {"": some}))
        assert found.top1 == 1
        assert [row.name for row in found.classes] == ["green", "blue"]
        assert found.average.recall == 1, "a class without images is no failure"
        one = pictures(tmp_path / "one", {"train": right(), "test": {"blue": right()["blue"]}})
        assert quickly(model, one).data.classes == {"blue": 4}

    def test_a_class_that_the_model_does_not_know_is_refused_by_name(
        self, model: Path, tmp_path: Path
    ) -> None:
        data = pictures(tmp_path / "d", {"": {"Red": ["red"], "violet": ["red"], "blue": ["blue"]}})
        with pytest.raises(DataError) as refused:
            quickly(model, data)
        assert "does not know 2 of the 3 classes" in str(refused.value)
        assert "Red (did you mean red?), violet; it knows red, green, blue" in str(refused.value)

    def test_a_limit_takes_the_same_number_of_each_class(self, model: Path, data: Path) -> None:
        found = quickly(model, data, split="all", limit=7)
        assert found.data.classes == {"red": 2, "green": 2, "blue": 2}
        assert quickly(model, data, split="all", limit=7).data.digest == found.data.digest
        other = quickly(model, data, split="all", limit=7, seed=3)
        assert other.data.digest != found.data.digest
        with pytest.raises(UsageError, match="too small for 3 classes"):
            quickly(model, data, limit=2)

    def test_unreadable_images_are_counted_named_and_left_out(
        self, model: Path, data: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (data / "test" / "red" / "0.png").write_bytes(b"not a picture")
        found = quickly(model, data)
        assert found.data.images == 5
        [bad] = found.data.unreadable
        assert bad.path.endswith("test/red/0.png")
        assert "not a picture" in bad.reason
        assert "1 of 6 images cannot be read" in capsys.readouterr().err

    def test_images_that_cannot_be_read_at_all_are_an_error(
        self, model: Path, tmp_path: Path
    ) -> None:
        data = pictures(tmp_path / "d", {"": right(1)})
        for file in data.glob("*/*"):
            file.write_bytes(b"")
        with pytest.raises(DataError, match="none of 3 images can be read"):
            quickly(model, data)


def test_pictures_are_decoded_as_they_are_served(tmp_path: Path) -> None:
    """The very pixels: a wide picture is cropped, and turned as its EXIF says."""
    folder = colour_model(tmp_path / "model", size=8, resize="crop")
    picture = Image.new("RGB", (40, 20), "blue")
    picture.paste((255, 0, 0), (10, 0, 30, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, exif=exif)
    data = pictures(tmp_path / "d", {"": {"red": [], "blue": ["blue"]}})
    (data / "red" / "wide.jpg").write_bytes(file.getvalue())
    (data / "red" / "same.jpg").write_bytes(file.getvalue())
    found = quickly(folder, data)
    answers = Classifier(folder).predict([data / "red" / "wide.jpg", data / "blue" / "0.png"])
    losses = [-np.log(answer["probability"]) for answer in (answers[0], *answers)]
    assert found.top1 == 1
    assert found.log_loss == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.slow
def test_the_figure_is_drawn_and_its_place_is_looked_at_first(model: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "d", {"": right(2)})
    evaluate(model, data, plot=tmp_path / "sheet.png", quiet=True)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > 1000
        assert sheet.height > 500
    with pytest.raises(UsageError, match=r"--plot .*must end in \.png"):
        evaluate(model, tmp_path / "missing", plot=tmp_path / "sheet.jpg")


def test_a_folder_without_a_run_cannot_be_logged(own_store: Path, tmp_path: Path) -> None:
    folder = colour_model(tmp_path / "model")
    data = pictures(tmp_path / "d", {"": right(1)})
    with pytest.raises(UsageError, match=r"--log: .* has no run"):
        quickly(folder, data, log=True)


def test_what_does_not_exist_is_said(own_store: Path, tmp_path: Path) -> None:
    data = pictures(tmp_path / "d", {"": right(1)})
    for address in ("models:/nothing/1", "models:/nothing@champion", "runs:/" + "0" * 32, "0" * 32):
        with pytest.raises(TrackingError, match=r"nothing|000"):
            evaluate(address, data, quiet=True)
    with pytest.raises(UsageError, match="names no run and no model"):
        evaluate("no-such-folder", data, quiet=True)


@pytest.mark.slow
def test_with_log_it_stays_with_the_run_the_model_and_the_images(
    own_store: Path, tmp_path: Path
) -> None:
    import mlflow

    version = logged(colour_model(tmp_path / "model"), tmp_path, "colours")
    client = mlflow.MlflowClient()
    client.set_registered_model_alias("colours", "champion", version.version)
    data = pictures(tmp_path / "colours", {"train": right(), "test": right(2)})
    found = evaluate("models:/colours@champion", data, log=True, quiet=True)
    assert found.model_uri == "models:/colours/1"
    assert found.logged_to == found.run_id == client.get_model_version("colours", "1").run_id
    run = client.get_run(found.logged_to)
    here = {k: v for k, v in run.data.metrics.items() if k.startswith("evaluation/colours-test/")}
    assert here == pytest.approx(found.metrics())
    assert run.info.status == "FINISHED"
    [used] = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("colours/test", found.data.digest)
    model_id = client.get_model_version("colours", "1").source.rpartition("/")[2]
    of_model = {m.key: m for m in client.get_logged_model(model_id).metrics}
    point = of_model["evaluation/colours-test/top1"]
    assert (point.value, point.dataset_name) == (found.top1, "colours/test")
    files = client.list_artifacts(run.info.run_id, "evaluation")
    assert [file.path for file in files] == [
        "evaluation/colours-test.json",
        "evaluation/colours-test.png",
    ]
    kept = Path(client.download_artifacts(run.info.run_id, files[0].path))
    assert json.loads(kept.read_text("utf-8"))["top1"] == found.top1


@pytest.mark.slow
def test_a_later_evaluation_replaces_the_value_and_keeps_the_history(
    own_store: Path, tmp_path: Path
) -> None:
    import mlflow

    logged(colour_model(tmp_path / "model"), tmp_path, "colours")
    data = pictures(tmp_path / "d", {"": right(2)})
    first = evaluate("models:/colours/1", data, log=True, quiet=True, robustness=False)
    (data / "red" / "0.png").write_bytes(encoded("blue"))
    second = evaluate("models:/colours/1", data, log=True, quiet=True, robustness=False)
    assert first.run_id is not None
    assert first.top1 != second.top1
    client = mlflow.MlflowClient()
    history = client.get_metric_history(first.run_id, "evaluation/d/top1")
    assert [point.value for point in history] == [first.top1, second.top1]
    assert client.get_run(first.run_id).data.metrics["evaluation/d/top1"] == second.top1


@pytest.mark.slow
class TestTheQuickstartsVersion:
    def test_is_evaluated_from_the_command_line(self, quickstart: Done, tmp_path: Path) -> None:
        png = tmp_path / "sheet.png"
        done = parnet_zoo_command(
            quickstart.folder, "evaluate", "models:/digits@champion", "--data", "datasets/digits",
            "--limit", "40", "--json", "--plot", str(png),
        )  # fmt: skip
        assert done.code == 0, done.stderr
        found = done.json
        assert found["data"]["images"] == 40
        assert found["run_id"] == quickstart.json["run_id"]
        assert found["top1"] > 0.8
        assert len(found["robustness"]) == 16
        assert png.read_bytes().startswith(b"\x89PNG")

    def test_has_the_accuracy_that_its_training_logged(self, quickstart: Done) -> None:
        done = parnet_zoo_command(
            quickstart.folder, "evaluate", quickstart.json["run_id"], "--data", "datasets/digits",
            "--no-averaging", "--no-robustness",
        )  # fmt: skip
        assert done.code == 0, done.stderr
        accuracy = quickstart.json["metrics"]["test_accuracy"]
        assert re.search(rf"as served +{accuracy:.4f} ", done.stdout), done.stdout
        assert "Traceback" not in done.stderr

    def test_warns_of_the_images_that_it_was_trained_on(self, quickstart: Done) -> None:
        done = parnet_zoo_command(
            quickstart.folder, "evaluate", "models:/digits/1", "--data", "datasets/digits",
            "--split", "train", "--limit", "10", "--no-averaging", "--no-robustness", "--json",
        )  # fmt: skip
        assert "the network was trained on some of these images" in done.stderr
        assert done.json["data"]["trained_on"] is True

    def test_mistakes_are_said_in_one_line(
        self, quickstart: Done, parnet_zoo_in: Callable[..., Done]
    ) -> None:
        missing = parnet_zoo_command(
            quickstart.folder, "evaluate", "models:/digits/7", "--data", "datasets/digits"
        )
        assert missing.code == 4
        assert "there is no models:/digits/7" in missing.stderr
        nowhere = parnet_zoo_in("evaluate", "models:/digits/7", "--data", ".")
        assert nowhere.code == 4
        assert "there is no MLflow store" in nowhere.stderr
