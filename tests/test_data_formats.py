"""A training takes an archive or a list as it takes a folder, through the command line."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from PIL import Image

from parnet_zoo.data.folder import scan
from tests.conftest import Done, parnet_zoo_command
from tests.test_data_archive import pack

pytestmark = pytest.mark.slow

RECIPE = """\
name: tiny
epochs: 1
batch_size: 8
precision: float32
model:
  name: parnet_test
  resolution: 32
data:
  validation: 0.25
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a recipe and class folders of pictures, one of which is broken."""
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    generator = np.random.default_rng(0)
    for name in ("zebra", "ant"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 255, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number:02d}.png")
    (tmp_path / "pictures/ant/07.png").write_text("no picture")
    return tmp_path


def train(folder: Path, data: str) -> Done:
    done = parnet_zoo_command(folder, "train", "tiny.yaml", "--data", data, "--json")
    assert done.code == 0, done.stderr
    return done


def test_an_archive_and_a_list_of_the_same_images_give_the_same_training(folder: Path) -> None:
    pack(folder / "pictures", folder / "pictures.tar", top="pictures")
    with (folder / "pictures/list.csv").open("w", newline="") as file:
        images = sorted(folder.glob("pictures/*/*.png"), reverse=True)
        rows = [(path.relative_to(folder / "pictures"), path.parent.name) for path in images]
        csv.writer(file).writerows([("path", "label"), *rows])
    trained = [train(folder, data) for data in ("pictures.tar", "pictures/list.csv")]
    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    runs = [client.get_run(done.json["run_id"]) for done in trained]
    for done, run in zip(trained, runs, strict=True):
        assert done.json["labels"] == ["ant", "zebra"]
        assert "ant/07.png: this is not a picture" in done.stderr
        assert run.data.metrics["unreadable_images"] == 1
        root = Path(run.info.artifact_uri.removeprefix("file://"))
        assert (root / "data/classes.txt").read_text() == "ant\nzebra\n"
    digests = [run.data.tags["parnet_zoo.data_digest"] for run in runs]
    assert digests[0] == scan(folder / "pictures", validation=0.25, seed=0).digest
    assert digests[0] != digests[1]  # the labels of a list are in its digest
    assert runs[0].data.metrics["loss"] == pytest.approx(runs[1].data.metrics["loss"])


def test_a_compressed_archive_ends_with_what_to_do_and_no_run(folder: Path) -> None:
    shutil.make_archive(str(folder / "pictures"), "gztar", folder / "pictures")
    done = parnet_zoo_command(folder, "train", "tiny.yaml", "--data", "pictures.tar.gz")
    assert done.code == 3
    assert "pictures.tar.gz is compressed" in done.stderr
    assert "Traceback" not in done.stderr
