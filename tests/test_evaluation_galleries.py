"""What is drawn of a judgement: whole, not empty, whatever the classes are called."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from parnet_zoo import registry
from parnet_zoo.evaluation.calibration import at_temperature
from parnet_zoo.evaluation.figures.class_scores import class_scores
from parnet_zoo.evaluation.figures.gallery import MOST, Line, Shown, gallery
from parnet_zoo.evaluation.figures.grad_cams import CamPicture, grad_cams
from parnet_zoo.evaluation.figures.network_drawing import network_drawing
from parnet_zoo.evaluation.figures.reliability import reliability_diagram
from parnet_zoo.evaluation.report import report
from parnet_zoo.evaluation.temperature_scaling import Answers, Calibration, calibrate

ODD = ["$\\frac{", "日本", "", "a very long name of a class " * 5, "line\nbreak", "_^"]


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def is_whole(path: Path) -> bool:
    """Something is drawn, and nothing touches the edge, so that no text is cut off."""
    drawn = pixels(path)
    edges = (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1])
    return bool((drawn < 255).any() and all((edge == 255).all() for edge in edges))


def height(path: Path) -> int:
    return len(pixels(path))


def calibration(classes: int, images: int, *, same: bool = False, hot: float = 0.4) -> Calibration:
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.full(classes, 0.4), images)
    truth = np.array([random.choice(classes, p=row) for row in rows])
    answers = Answers("test", truth, at_temperature(rows, hot))
    return calibrate(answers, answers, same_images=same)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_precision_and_recall_of_many_classes(tmp_path: Path, classes: int) -> None:
    matrix = np.eye(classes, dtype=int) * 40 + 1
    names = [f"class number {n}" for n in range(classes)]
    class_scores(report(matrix, names), tmp_path / "new" / "s.png", "all of them")
    assert is_whole(tmp_path / "new" / "s.png")


@pytest.mark.slow
def test_of_many_classes_the_weakest_are_drawn(tmp_path: Path) -> None:
    for classes, name in ((40, "all"), (90, "some")):
        made = report(np.eye(classes, dtype=int), [f"{n}" for n in range(classes)])
        class_scores(made, tmp_path / f"{name}.png")
    assert height(tmp_path / "all.png") == height(tmp_path / "some.png")


@pytest.mark.slow
def test_precision_and_recall_with_odd_names_and_classes_without_images(tmp_path: Path) -> None:
    matrix = np.diag([5, 0, 3, 0, 2, 0])
    matrix[0, 1] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        class_scores(report(matrix, ODD), tmp_path / "s.png", ODD[0])
    assert is_whole(tmp_path / "s.png")


@pytest.mark.slow
@pytest.mark.parametrize(("classes", "images"), [(2, 1), (2, 400), (10, 400)])
def test_a_reliability_diagram(tmp_path: Path, classes: int, images: int) -> None:
    reliability_diagram(calibration(classes, images), tmp_path / "r.png")
    assert is_whole(tmp_path / "r.png")


@pytest.mark.slow
def test_it_says_when_the_temperature_was_measured_where_it_was_fitted(tmp_path: Path) -> None:
    for same in (False, True):
        reliability_diagram(calibration(3, 200, same=same), tmp_path / f"{same}.png")
    below = slice(-30, None)  # the note
    first, second = (pixels(tmp_path / f"{same}.png")[below] for same in (False, True))
    assert first.shape == second.shape
    assert (first != second).any()


def shown(count: int, text: str = "label cat: 0.01") -> list[Shown]:
    lines = (Line(text), Line.of_class("said", text, 0.001, "black"))
    return [Shown(np.full((20, 30, 3), n % 200, np.uint8), lines) for n in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 7, 24])
def test_a_gallery(tmp_path: Path, count: int) -> None:
    gallery(shown(count), tmp_path / "g.png", title="pictures", note="of something")
    assert is_whole(tmp_path / "g.png")


@pytest.mark.slow
def test_a_gallery_ends_after_its_last_row(tmp_path: Path) -> None:
    for count in (MOST, MOST + 30):
        gallery(shown(count), tmp_path / f"{count}.png", title="pictures")
    assert (pixels(tmp_path / f"{MOST}.png") == pixels(tmp_path / f"{MOST + 30}.png")).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_a_gallery_with_odd_names(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gallery(shown(6, name), tmp_path / "g.png", title=name, note=name)
    assert is_whole(tmp_path / "g.png")


def test_a_long_name_keeps_its_probability() -> None:
    line = Line.of_class("looks like", "a very long name of a class " * 3, 0.5, "black")
    assert line.text.endswith("…: 0.50")
    assert Line.of_class("said", "cat", 1e-9, "black").text == "said cat: <0.01"


def test_a_gallery_of_files_that_have_vanished_and_one_of_nothing(tmp_path: Path) -> None:
    gallery([Shown(None, (Line("gone"),))], tmp_path / "gone.png", title="pictures")
    gallery([], tmp_path / "none.png", title="mistakes", nothing="Not one of 7 was wrong.")
    assert is_whole(tmp_path / "none.png")
    assert (pixels(tmp_path / "gone.png") < 255).any()
    with pytest.raises(ValueError, match="nothing to draw"):
        gallery([], tmp_path / "g.png", title="mistakes")


def cam(*, right: bool, name: str = "cat", strongest: float = 1.0) -> CamPicture:
    found = np.zeros((2, 3), np.float32)
    found[0, 1] = strongest
    grey = np.full((40, 40, 3), 120, np.uint8)
    return CamPicture(grey, name, name, 0.9, found, "dog", found, right=right)


@pytest.mark.parametrize(
    "count", [1, pytest.param(5, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]
)
def test_grad_cams(tmp_path: Path, count: int) -> None:
    grad_cams([cam(right=n % 2 == 0) for n in range(count)], tmp_path / "c.png")
    assert is_whole(tmp_path / "c.png")


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_grad_cams_with_odd_names(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        grad_cams([cam(right=True, name=name), cam(right=False, name=name)], tmp_path / "c.png")
    assert is_whole(tmp_path / "c.png")


@pytest.mark.slow
def test_the_strongest_place_is_coloured_and_nothing_else_is(tmp_path: Path) -> None:
    grad_cams([cam(right=True, strongest=0.0)], tmp_path / "without.png")
    grad_cams([cam(right=True)], tmp_path / "with.png")
    grid = slice(100, 300)  # below the titles, above the scale
    plain, coloured = (pixels(tmp_path / f"{n}.png")[grid] for n in ("without", "with"))
    assert int(np.ptp(plain.astype(int), axis=2).max()) < 3
    assert int(np.ptp(coloured.astype(int), axis=2).max()) > 100
    with pytest.raises(ValueError, match="nothing to draw"):
        grad_cams([], tmp_path / "c.png")


@pytest.mark.parametrize(
    "name",
    [
        "parnet_s",
        pytest.param("parnet_blog_s", marks=pytest.mark.slow),
        pytest.param("parnet_test", marks=pytest.mark.slow),
    ],
)
def test_a_network_is_drawn_from_its_spec(tmp_path: Path, name: str) -> None:
    spec = registry.get(name)
    assert network_drawing(spec, tmp_path / "n.png", classes=10, cost=spec.cost(num_classes=10))
    assert is_whole(tmp_path / "n.png")


@pytest.mark.slow
@pytest.mark.parametrize("branches", [1, 2, 4])
def test_the_drawing_has_a_row_for_each_stream(tmp_path: Path, branches: int) -> None:
    spec = registry.get("parnet_s")
    network_drawing(spec, tmp_path / "three.png", classes=10)
    other = spec.scaled(branches=branches, resolution=256)
    network_drawing(other, tmp_path / "other.png", classes=10)
    assert is_whole(tmp_path / "other.png")
    taller = height(tmp_path / "other.png") > height(tmp_path / "three.png")
    assert taller == (branches > 3)


def test_a_network_of_another_kind_is_not_drawn(tmp_path: Path) -> None:
    assert not network_drawing(registry.get("resnet50"), tmp_path / "n.png", classes=10)
    assert not (tmp_path / "n.png").exists()
