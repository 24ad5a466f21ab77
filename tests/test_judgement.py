"""What every training leaves about how good its network is: numbers, lists, figures."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

import parnet_zoo
import parnet_zoo.evaluation.figures.gallery as gallery_module
from parnet_zoo.data.digits import write_digits
from tests.conftest import Done, parnet_zoo_command
from tests.picture_sets import write_set

pytestmark = pytest.mark.slow

TINY = """\
name: tiny
epochs: 1
batch_size: 8
precision: float32
model:
  name: parnet_test
  resolution: 32
data:
  root: pictures
  validation: 0.25
"""


def artifacts(folder: Path, run_id: str) -> Path:
    run = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").get_run(run_id)
    return Path(run.info.artifact_uri.removeprefix("file://"))


def metrics(folder: Path, run_id: str) -> dict[str, float]:
    run = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").get_run(run_id)
    return dict(run.data.metrics)


def left_by(done: Done) -> Path:
    return artifacts(done.folder, done.json["run_id"])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_has_all_figures(quickstart: Done) -> None:
    figures = left_by(quickstart) / "figures"
    names = {
        "learning_curves", "augmentation", "network", "confusion_matrix_test",
        "class_scores_test", "reliability_test", "worst_mistakes_test", "grad_cam_test",
        "label_errors",
    }  # fmt: skip
    assert {path.stem for path in figures.iterdir()} == names
    for path in figures.iterdir():
        with Image.open(path) as image:
            assert image.format == "PNG"
            assert np.asarray(image.convert("L")).std() > 10, path.name


def test_a_run_says_how_calibrated_its_network_is(quickstart: Done) -> None:
    logged = metrics(quickstart.folder, quickstart.json["run_id"])
    assert 0 <= logged["test_ece_calibrated"] < logged["test_ece"] < 0.3
    assert 0.1 <= logged["temperature"] < 1  # smoothed labels leave it less sure than it is right
    assert 0.99 <= logged["test_accuracy"] <= logged["test_top5_accuracy"] <= 1
    told = json.loads((left_by(quickstart) / "evaluation/calibration.json").read_text())
    assert (told["fitted_on"], told["measured_on"]) == ("validation", "test")
    assert not told["same_images"]
    assert told["ece"] == pytest.approx(logged["test_ece"])
    assert told["temperature"] == pytest.approx(logged["temperature"])


def test_the_list_of_suspected_labels_ranks_images_of_all_splits(quickstart: Done) -> None:
    found = rows(left_by(quickstart) / "evaluation/label_errors.csv")
    assert [int(row["rank"]) for row in found] == list(range(1, 1001))
    scores = [float(row["score"]) for row in found]
    assert scores == sorted(scores, reverse=True)
    assert {row["split"] for row in found} == {"train", "validation", "test"}
    for row in found:
        path = quickstart.folder / row["path"]
        assert path.is_file()
        assert path.parent.name == row["given"] != row["suggested"]


def test_digits_that_were_put_into_wrong_folders_come_out_on_top(tmp_path: Path) -> None:
    root = tmp_path / "digits"
    write_digits(root)
    random = np.random.default_rng(1)
    files = sorted((root / "train").glob("*/*.png"))
    for number in random.choice(len(files), 10, replace=False):
        true = files[number].parent.name
        wrong = str((int(true) + int(random.integers(1, 10))) % 10)
        files[number].rename(root / "train" / wrong / f"of_{true}_{files[number].name}")
    changes = ["--set", "data.source=null", "--data", str(root), "--epochs", "8"]
    done = parnet_zoo_command(tmp_path, "train", "quickstart", "--json", *changes)
    assert done.code == 0, done.stderr
    found = rows(left_by(done) / "evaluation/label_errors.csv")
    ranks = {
        Path(row["path"]).name: int(row["rank"])
        for row in found
        if Path(row["path"]).name.startswith("of_")
    }
    assert len(ranks) == 10
    # Of 1,797 images, some that are truly hard to read may stand between them.
    assert sorted(ranks.values())[7] <= 10
    assert max(ranks.values()) <= 20
    for row in found[:5]:
        name = Path(row["path"]).name
        assert not name.startswith("of_") or row["suggested"] == name.split("_")[1]


def test_without_test_images_validation_stands_in_and_the_temperature_says_so(
    tmp_path: Path,
) -> None:
    write_set(tmp_path / "pictures", {"train/a$b": 12, "train/日本": 12})
    (tmp_path / "tiny.yaml").write_text(TINY)
    no_search = ["--set", "evaluation.label_errors=none"]
    done = parnet_zoo_command(tmp_path, "train", "tiny.yaml", "--json", *no_search)
    assert done.code == 0, done.stderr
    assert "warning: " not in done.stderr
    logged = metrics(tmp_path, done.json["run_id"])
    assert logged["val_ece_calibrated"] <= 1
    assert not [name for name in logged if name.startswith("test_") or "top5" in name]
    assert json.loads((left_by(done) / "evaluation/calibration.json").read_text())["same_images"]
    names = {path.name for path in (left_by(done) / "figures").iterdir()}
    assert {"reliability_validation.png", "worst_mistakes_validation.png"} <= names
    assert "label_errors.png" not in names
    assert not (left_by(done) / "evaluation/label_errors.csv").exists()


def test_a_figure_that_fails_does_not_cost_the_network(
    own_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no ink\nand more")

    monkeypatch.setattr(gallery_module, "save", broken)
    write_set(tmp_path / "pictures", {"train/a": 12, "train/b": 12, "test/a": 4, "test/b": 4})
    (tmp_path / "tiny.yaml").write_text(TINY)
    result = parnet_zoo.train(tmp_path / "tiny.yaml", smoke=True)
    assert result.model_version == 1
    said = capfd.readouterr().err
    assert "warning: the gallery of mistakes is left out: no ink\n" in said
    assert "warning: the gallery of suspected labels is left out: no ink\n" in said
    left = artifacts(own_store.parent, result.run_id)
    assert (left / "evaluation/label_errors.csv").is_file()
    assert (left / "figures/network.png").is_file()
    assert not (left / "figures/label_errors.png").exists()
