"""Figures are drawn at every size, with all their text inside."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parnet_zoo.evaluation.figures import confusion_matrix, learning_curves, prediction_sheet


def history(epochs: int, *, rate: bool = True) -> dict[str, list[float]]:
    made = {
        "loss": [2 / n for n in range(1, epochs + 1)],
        "val_loss": [2.5 / n for n in range(1, epochs + 1)],
        "accuracy": [1 - 0.9 / n for n in range(1, epochs + 1)],
        "val_accuracy": [1 - 0.95 / n for n in range(1, epochs + 1)],
    }
    return made | ({"learning_rate": [1e-3] * epochs} if rate else {})


def pixels(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def is_whole(path: Path) -> bool:
    """Something is drawn, and nothing touches the edge, so that no text is cut off."""
    drawn = pixels(path)
    edges = (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1])
    return bool((drawn < 255).any() and all((edge == 255).all() for edge in edges))


@pytest.mark.parametrize("rate", [True, False])
@pytest.mark.parametrize("epochs", [1, 2, 100])
def test_learning_curves(tmp_path: Path, epochs: int, rate: bool) -> None:
    learning_curves(history(epochs, rate=rate), tmp_path / "new" / "curves.png")
    assert is_whole(tmp_path / "new" / "curves.png")


@pytest.mark.parametrize(
    "change",
    [
        {"val_loss": [float("nan")] * 3, "val_accuracy": [float("nan")] * 3},
        {"loss": [float("inf"), 1.0, float("nan")]},
        {"learning_rate": [0.0, 0.0, 0.0]},
        {"val_accuracy": [0.5]},
    ],
)
def test_learning_curves_of_a_training_that_went_wrong(
    tmp_path: Path, change: dict[str, list[float]]
) -> None:
    learning_curves(history(3) | change, tmp_path / "curves.png")
    assert is_whole(tmp_path / "curves.png")


def test_learning_curves_without_validation(tmp_path: Path) -> None:
    learning_curves({"loss": [2.0, 1.0]}, tmp_path / "curves.png")
    assert is_whole(tmp_path / "curves.png")


def test_the_best_epoch_is_that_with_the_highest_validation_accuracy(tmp_path: Path) -> None:
    best_is_2 = history(3) | {"val_accuracy": [0.5, 0.9, 0.8]}
    learning_curves(best_is_2, tmp_path / "found.png")
    learning_curves(best_is_2, tmp_path / "given.png", best_epoch=2)
    learning_curves(best_is_2, tmp_path / "other.png", best_epoch=3)
    assert (pixels(tmp_path / "found.png") == pixels(tmp_path / "given.png")).all()
    assert (pixels(tmp_path / "found.png") != pixels(tmp_path / "other.png")).any()


@pytest.mark.parametrize("nothing", [{}, {"loss": []}, {"learning_rate": [1.0]}])
def test_a_history_without_epochs_is_refused(
    tmp_path: Path, nothing: dict[str, list[float]]
) -> None:
    with pytest.raises(ValueError, match="without epochs"):
        learning_curves(nothing, tmp_path / "curves.png")


@pytest.mark.parametrize("classes", [1, 2, 10, 25, 26, 100])
def test_confusion_matrix(tmp_path: Path, classes: int) -> None:
    matrix = np.eye(classes, dtype=int) * 100 + 1
    names = [f"class number {n}" for n in range(classes)]
    confusion_matrix(matrix, names, tmp_path / "c.png")
    assert is_whole(tmp_path / "c.png")


def test_confusion_matrix_with_awkward_names(tmp_path: Path) -> None:
    names = ["$\\frac{", "日本", "", "a very long name of a class " * 5, "line\nbreak", "_^"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        confusion_matrix(np.zeros((6, 6)), names, tmp_path / "c.png")
    assert is_whole(tmp_path / "c.png")


def test_colours_are_fractions_of_the_true_class(tmp_path: Path) -> None:
    confusion_matrix([[2, 0], [0, 2000]], ["rare", "common"], tmp_path / "c.png")
    confusion_matrix([[2000, 0], [0, 2]], ["rare", "common"], tmp_path / "d.png")
    first, second = pixels(tmp_path / "c.png"), pixels(tmp_path / "d.png")
    dark = (np.asarray(p).mean(axis=2) < 100 for p in (first, second))
    counts = [int(mask.sum()) for mask in dark]
    assert counts[0] == pytest.approx(counts[1], rel=0.05)


def test_a_matrix_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    for matrix, names in (([[1, 0]], ["a"]), ([[1]], ["a", "b"]), ([], [])):
        with pytest.raises(ValueError, match="a matrix of shape"):
            confusion_matrix(matrix, names, tmp_path / "c.png")


@pytest.mark.parametrize("count", [1, 2, 7, pytest.param(301, marks=pytest.mark.slow)])
def test_prediction_sheet(tmp_path: Path, count: int) -> None:
    pictures = [np.full((20 + n % 3, 30, 3), n % 200, dtype=np.uint8) for n in range(count)]
    titles = [f"cat: 0.{n % 100:02d}" for n in range(count)]
    prediction_sheet(pictures, titles, tmp_path / "s.png")
    assert is_whole(tmp_path / "s.png")


@pytest.mark.parametrize(
    "title", ["", "$x$: 0.5", "many words " * 20 + "0.98", "x" * 200, "日本: 0.98", "a\nb: 1.00"]
)
def test_prediction_sheet_with_awkward_titles(tmp_path: Path, title: str) -> None:
    picture = np.zeros((10, 10, 3), dtype=np.uint8)
    prediction_sheet([picture, picture], [title, title], tmp_path / "s.png")
    assert is_whole(tmp_path / "s.png")


def test_a_sheet_needs_a_title_for_each_picture(tmp_path: Path) -> None:
    picture = np.zeros((10, 10, 3), dtype=np.uint8)
    for pictures, titles in (([], []), ([picture], []), ([picture], ["a", "b"])):
        with pytest.raises(ValueError, match="titles for"):
            prediction_sheet(pictures, titles, tmp_path / "s.png")


def test_figures_do_not_touch_matplotlibs_global_state(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from parnet_zoo.evaluation.figures import learning_curves\n"
        "assert 'matplotlib' not in sys.modules\n"
        "learning_curves({'loss': [1.0]}, Path(sys.argv[1]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "c.png")]
    subprocess.run(command, check=True, timeout=60)
