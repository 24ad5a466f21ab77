"""`data preview`: training images as the network is going to see them, without training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo.errors import DataError, UsageError
from parnet_zoo.training.preview import ROWS, preview
from tests.conftest import Done
from tests.picture_sets import write_set

Run = Callable[..., Done]

RECIPE = """\
name: pets
epochs: 12
model:
  name: parnet_test
  resolution: 64
data:
  root: pets
  validation: 0.2
"""
COLOURS = [
    (200, 30, 30),
    (30, 200, 30),
    (30, 30, 200),
    (200, 200, 30),
    (200, 30, 200),
    (30, 200, 200),
]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pets.yaml").write_text(RECIPE)
    return tmp_path / "pets.yaml"


def drawn(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def places(
    pixels: NDArray[np.uint8], colour: tuple[int, int, int]
) -> tuple[NDArray[np.int64], ...]:
    return np.nonzero(np.abs(pixels.astype(int) - colour).max(axis=2) <= 2)


@pytest.mark.slow
def test_a_row_is_one_image_in_all_its_forms(recipe: Path, tmp_path: Path) -> None:
    for number, colour in enumerate(COLOURS):
        folder = tmp_path / "pets" / "train" / ("one" if number % 2 else "two")
        folder.mkdir(parents=True, exist_ok=True)
        for copy in range(2):  # one of them is for validation
            Image.new("RGB", (70, 60), colour).save(folder / f"{number}{copy}.png")
    done = preview(recipe, overrides=["data.validation=0.3"], quiet=True)
    pixels = drawn(done.path)
    assert done.epochs == (1, 3, 5, 6, 8, 10, 12)
    assert len(done.images) == 8
    names = [Path(str(image)).name for image in done.images[:ROWS]]
    side = pixels.shape[1] / 8
    for number, colour in enumerate(COLOURS):
        rows = sum(name.startswith(str(number)) for name in names)
        row, column = places(pixels, colour)
        assert len(row) >= 0.7 * rows * 8 * side**2
        if rows:
            assert np.ptp(column) > 7.5 * side
        if rows == 1:
            assert np.ptp(row) < side


@pytest.mark.slow
def test_the_command_draws_augmented_and_mixed_images_at_their_resolutions(
    recipe: Path, tmp_path: Path, parnet_zoo_in: Run
) -> None:
    write_set(tmp_path / "others", {"train/cat": 8, "train/dog": 8})
    (tmp_path / "others/train/cat/0.jpg").write_bytes(b"broken")
    options = ["--data", "others", "--set", "progressive=[{until: 0.5, resolution: 32}]"]
    options += ["--set", "augmentation={rotation: 30, mixing: {mixup: 0.4, until: 0.2}}"]
    done = parnet_zoo_in("data", "preview", "pets.yaml", *options, "--out", "p.png", "--json")
    assert done.code == 0, done.stderr
    assert done.json["path"] == "p.png"
    assert done.json["epochs"] == [1, 3, 5, 6, 8, 10, 12]
    assert done.json["resolutions"] == [32, 32, 32, 32, 64, 64, 64]
    assert done.json["mixed_epochs"] == [1, 3]
    assert len(done.json["images"]) == 8
    assert not any(path.endswith("cat/0.jpg") for path in done.json["images"])
    mixed = drawn(tmp_path / "p.png")
    plain = parnet_zoo_in(
        "data", "preview", "pets.yaml", "--data", "others", "--epoch", "11", "--out", "q.png"
    )
    assert (plain.code, plain.stdout) == (0, "q.png\n"), plain.stderr
    assert len(drawn(tmp_path / "q.png")) < len(mixed)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"epoch": 13}, "--epoch 13: the recipe has the epochs 1 to 12"),
        ({"epoch": 0}, "the epochs 1 to 12"),
        ({"out": "p.jpg"}, r"must end in \.png"),
        ({"out": "nowhere/p.png"}, "there is no folder nowhere"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_loaded(
    recipe: Path, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        preview(recipe, quiet=True, **arguments)  # type: ignore[arg-type]  # of either kind


def test_missing_and_unreadable_images_are_named(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder pets"):
        preview(recipe, quiet=True)
    write_set(tmp_path / "pets", {"train/cat": 3, "train/dog": 3})
    for path in tmp_path.glob("pets/train/*/*"):
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="none of 4 training images can be read; parnet-zoo data"):
        preview(recipe, quiet=True)
