"""`examples/detection.py` trains a detector on a ParNet backbone, and measures it rightly."""

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from average_precision import THRESHOLDS, Boxes, Detections, average_precision, iou
from detection import PEAK_RATE, build_detector, draw, main, precision, rate
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scattered_digits import CLASSES, MOST, NOTHING, Scenes, scattered_digits
from sklearn.datasets import load_digits
from typer.testing import CliRunner

from tests.conftest import REPOSITORY, Done, user_environment

Row = tuple[float, ...]
SQUARE = (0, 0, 0, 10, 10)
"""Class, left, top, right, bottom."""
FAR = (0, 100, 100, 110, 110)


def truth(*rows: Row) -> Boxes:
    table = np.array(rows, float).reshape(-1, 5)
    return Boxes(table[:, 1:], table[:, 0])


def found(*rows: Row) -> Detections:
    """Each row as in `truth`, and then its score."""
    table = np.array(rows, float).reshape(-1, 6)
    return Detections(table[:, 1:5], table[:, 0], table[:, 5])


def ap50(real: list[Boxes], seen: list[Detections]) -> float:
    return average_precision(real, seen, [0.5])[0.5]


# Average precision


def test_all_found_and_nothing_else_is_one_at_every_threshold() -> None:
    perfect = average_precision([truth(SQUARE, FAR)], [found((*SQUARE, 0.9), (*FAR, 0.1))])
    assert list(perfect) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert set(perfect.values()) == {1.0}


def test_nothing_found_is_zero() -> None:
    assert ap50([truth(SQUARE)], [found()]) == 0


def test_half_of_the_boxes_found_is_right_up_to_half_of_the_recall() -> None:
    # precision 1 at the 51 recalls 0, 0.01, ... 0.5, and 0 at the other 50
    assert ap50([truth(SQUARE, FAR)], [found((*SQUARE, 0.9))]) == pytest.approx(51 / 101)


def test_a_wrong_box_costs_as_much_as_its_score_is_high() -> None:
    elsewhere = (0, 50, 50, 60, 60)
    first = found((*SQUARE, 0.5), (*elsewhere, 0.9))
    last = found((*SQUARE, 0.5), (*elsewhere, 0.1))
    assert ap50([truth(SQUARE)], [first]) == pytest.approx(1 / 2)
    assert ap50([truth(SQUARE)], [last]) == 1


def test_a_box_found_twice_is_right_once() -> None:
    seen = found((*SQUARE, 0.9), (*SQUARE, 0.8), (*FAR, 0.7))
    # right, wrong, right: precision 1 up to recall 0.5, then 2 of 3
    assert ap50([truth(SQUARE, FAR)], [seen]) == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_a_detection_counts_up_to_its_overlap() -> None:
    four_fifths = (0, 0, 0, 10, 8)
    table = average_precision([truth(SQUARE)], [found((*four_fifths, 0.9))])
    assert table == {threshold: float(threshold <= 0.8) for threshold in THRESHOLDS}


def test_a_detection_takes_the_box_it_overlaps_most() -> None:
    left, right = (0, 0, 0, 10, 10), (0, 2, 0, 12, 10)
    # The surer one would fit either box, the other the left one only.
    seen = found((*right, 0.9), (0, -2, 0, 8, 10, 0.5))
    assert ap50([truth(left, right)], [seen]) == 1


def test_the_mean_is_over_the_classes_that_are_there() -> None:
    other = (1, *FAR[1:])
    absent = (2, 50, 50, 60, 60)
    seen = found((*SQUARE, 0.9), (*absent, 0.95))
    assert ap50([truth(SQUARE, other)], [seen]) == pytest.approx(1 / 2)


def test_the_right_place_with_the_wrong_class_is_wrong() -> None:
    assert ap50([truth(SQUARE)], [found((1, *SQUARE[1:], 0.9))]) == 0


def test_scores_are_compared_across_pictures() -> None:
    empty_picture, its_detection = truth(), found((*SQUARE, 0.9))
    sure, unsure = found((*SQUARE, 0.95)), found((*SQUARE, 0.5))
    assert ap50([empty_picture, truth(SQUARE)], [its_detection, sure]) == 1
    assert ap50([empty_picture, truth(SQUARE)], [its_detection, unsure]) == pytest.approx(1 / 2)


def test_of_a_picture_and_class_the_hundred_surest_count() -> None:
    wrong = [(0, 50, 50, 60, 60, 0.9)] * 99
    assert ap50([truth(SQUARE)], [found(*wrong, (*SQUARE, 0.1))]) == pytest.approx(1 / 100)
    assert ap50([truth(SQUARE)], [found(*wrong, wrong[0], (*SQUARE, 0.1))]) == 0


def test_a_case_that_pycocotools_has_judged() -> None:
    real = [
        truth((0, 10, 10, 30, 40), (1, 50, 12, 70, 38), (1, 12, 60, 40, 90)),
        truth((0, 5, 5, 25, 30), (2, 60, 60, 90, 99)),
        truth((1, 20, 20, 50, 60)),
    ]
    seen = [
        found(
            (0, 11, 9, 29, 41, 0.91),
            (1, 50, 15, 69, 40, 0.83),
            (0, 50, 12, 70, 38, 0.62),
            (1, 15, 66, 44, 90, 0.4),
            (1, 12, 58, 40, 88, 0.35),
        ),
        found(
            (0, 8, 7, 27, 33, 0.77),
            (2, 55, 62, 88, 95, 0.52),
            (2, 60, 60, 90, 99, 0.31),
            (1, 5, 5, 25, 30, 0.58),
        ),
        found((1, 24, 20, 55, 57, 0.66), (1, 20, 20, 50, 60, 0.21), (0, 20, 22, 50, 61, 0.12)),
    ]
    judged = [
        *[0.9719471947194719] * 3,
        0.7900990099009895,
        *[0.5577557755775577] * 2,
        0.40869086908690866,
        0.24037403740374033,
        *[0.18536853685368537] * 2,
    ]
    assert list(average_precision(real, seen).values()) == pytest.approx(judged, abs=1e-12)


def test_pictures_without_any_box_have_no_precision() -> None:
    assert math.isnan(ap50([truth()], [found((*SQUARE, 0.9))]))


def test_as_many_pictures_must_be_judged_as_there_are() -> None:
    with pytest.raises(ValueError, match="detections of 1 pictures for 2 pictures"):
        average_precision([truth(), truth()], [found()])


def test_boxes_without_area_overlap_nothing() -> None:
    point = np.zeros((1, 4))
    assert iou(point, point).tolist() == [[0]]


def test_a_box_may_be_as_large_as_an_untrained_detector_makes_it() -> None:
    huge = np.array([[-1e30, -1e30, 1e30, 1e30]], np.float32)
    assert iou(huge, huge).tolist() == [[1]]
    assert iou(huge, np.array([[0, 0, 1, 1]], np.float32))[0, 0] < 1e-50


@st.composite
def pictures(draw: st.DrawFn) -> list[tuple[Boxes, Detections]]:
    corner, side = st.integers(0, 20), st.integers(1, 20)
    made = []
    for _ in range(draw(st.integers(1, 4))):
        rows = [
            (draw(st.integers(0, 2)), left, top, left + draw(side), top + draw(side))
            for left, top in draw(st.lists(st.tuples(corner, corner), min_size=1, max_size=4))
        ]
        kept = draw(st.lists(st.sampled_from(rows), max_size=4))
        made.append((truth(*rows), found(*[(*row, draw(st.floats(0.1, 1))) for row in kept])))
    return made


@given(pictures())
@settings(max_examples=25, deadline=None)
def test_a_wrong_detection_below_all_scores_changes_nothing(
    made: list[tuple[Boxes, Detections]],
) -> None:
    real, seen = [real for real, _ in made], [seen for _, seen in made]
    before = average_precision(real, seen)
    wrong = found((0, 500, 500, 510, 510, 0.01))
    after = average_precision([*real, truth()], [*seen, wrong])
    assert after == pytest.approx(before)
    assert all(0 <= value <= 1 for value in after.values())


# Pictures


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return scattered_digits(40, "train", seed=3)


def boxes_of(scenes: Scenes, number: int) -> Any:
    return scenes.boxes[number][scenes.classes[number] != NOTHING]


def test_each_picture_holds_several_digits_and_the_rest_is_padded(scenes: Scenes) -> None:
    there = scenes.classes != NOTHING
    assert scenes.images.shape == (40, 128, 128, 3)
    assert scenes.boxes.shape == (40, MOST, 4)
    assert set(there.sum(axis=1)) <= set(range(3, MOST + 1))
    assert set(scenes.classes[there]) == set(range(CLASSES))
    assert (scenes.boxes[~there] == NOTHING).all()
    assert (scenes.sources[~there] == NOTHING).all()
    assert (load_digits().target[scenes.sources[there]] == scenes.classes[there]).all()


def test_boxes_lie_in_the_picture_and_hardly_on_each_other(scenes: Scenes) -> None:
    for number in range(len(scenes.images)):
        boxes = boxes_of(scenes, number)
        assert (boxes >= 0).all()
        assert (boxes <= 128).all()
        assert (boxes[:, 2:] - boxes[:, :2] >= 5).all()
        assert (iou(boxes, boxes) - np.eye(len(boxes)) < 0.1).all()


def test_boxes_lie_tightly_on_the_digits(scenes: Scenes) -> None:
    for number, image in enumerate(scenes.images):
        light = image.mean(axis=2)
        difference = np.abs(light - np.median(light))
        ink = difference > np.percentile(difference, 99) / 2
        outside = ink.copy()
        for left, top, right, bottom in boxes_of(scenes, number).astype(int):
            outside[top:bottom, left:right] = False
            inside = ink[top:bottom, left:right]
            assert inside.any(axis=1).mean() > 0.6, "rows of the box without ink"
            assert inside.any(axis=0).mean() > 0.6, "columns of the box without ink"
        assert outside.sum() < 0.02 * ink.sum()


def test_a_seed_decides_everything(scenes: Scenes) -> None:
    again, other = (scattered_digits(40, "train", seed=seed) for seed in (3, 4))
    for name in ("images", "boxes", "classes", "sources"):
        assert (getattr(again, name) == getattr(scenes, name)).all()
    assert (other.images != scenes.images).any(axis=(1, 2, 3)).all()


def test_no_digit_of_test_pictures_is_in_training_pictures() -> None:
    train, test = (
        set(scattered_digits(80, split, seed=0).sources.flatten()) - {NOTHING}
        for split in ("train", "test")
    )
    assert len(train) > 300
    assert len(test) > 200
    assert not train & test


# The program


def test_the_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rates = [rate(step, 200) for step in range(200)]
    peak = rates.index(max(rates))
    assert max(rates) == PEAK_RATE
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[0] < PEAK_RATE / 10
    assert 0 < rates[-1] < PEAK_RATE / 1000
    assert rate(0, 1) == PEAK_RATE


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--pictures", "3"], "'--pictures': Input should be greater than or equal to 4"),
        (["--epochs", "0"], "'--epochs': Input should be greater than or equal to 1"),
        (["--out", "taken"], "'taken' is a file"),
        (["--out", "taken/below"], "taken/below cannot be made: Not a directory"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], wrong: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("")
    app = typer.Typer(rich_markup_mode=None)
    app.command()(main)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert wrong in done.output


class Oracle:
    """A detector that knows the truth, and is as sure of it as it is told."""

    def __init__(self, scenes: Scenes, score: float) -> None:
        there = scenes.classes != NOTHING
        self.answer = {
            "boxes": scenes.boxes,
            "classes": scenes.classes,
            "confidence": np.where(there, score, NOTHING),
            "num_detections": there.sum(axis=1),
        }

    def predict(self, images: Any, verbose: Any) -> dict[str, Any]:
        del verbose
        assert images.shape == (40, 128, 128, 3)
        assert 0.9 < images.max() <= 1
        return self.answer


def test_an_oracle_is_perfect(scenes: Scenes) -> None:
    assert precision(Oracle(scenes, 0.9), scenes) == {"map": 1, "ap50": 1, "ap75": 1}


@pytest.mark.slow
def test_the_drawing_shows_the_pictures_and_the_boxes_found(scenes: Scenes, tmp_path: Path) -> None:
    amounts = {}
    for score in (0.9, 0.1):
        draw(Oracle(scenes, score), scenes, tmp_path / "drawing.png")
        with Image.open(tmp_path / "drawing.png") as drawing:
            pixels = np.asarray(drawing.convert("RGB")).astype(int)
        vermilion = np.abs(pixels - [0xD5, 0x5E, 0x00]).max(axis=2) < 3
        amounts[score] = int(vermilion.sum())
    boxes = sum(len(boxes_of(scenes, number)) for number in range(12))
    assert pixels.shape[0] > 800
    assert pixels.shape[1] > 1000
    assert pixels.std() > 20, "no pictures"
    assert amounts[0.9] > amounts[0.1] + 200 * boxes, "no frames and labels around what is found"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The example in a short form."""
    folder = tmp_path_factory.mktemp("detection")
    program = [sys.executable, str(REPOSITORY / "examples" / "detection.py")]
    short = ["--pictures", "800", "--epochs", "2", "--test-pictures", "60", "--out", "out"]
    done = subprocess.run(
        [*program, *short, "--json"],
        cwd=folder,
        env=user_environment(),
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Done(folder, done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
def test_a_short_training_already_learns(trained: Done) -> None:
    losses = [epoch["loss"] for epoch in trained.json["losses"]]
    assert losses[-1] < 0.8 * losses[0]
    assert 0 <= trained.json["map"] <= trained.json["ap50"] <= 1
    assert "epoch 2 of 2: box loss" in trained.stderr


@pytest.mark.slow
def test_the_drawing_is_left_beside_the_detector(trained: Done) -> None:
    assert trained.json["drawing"] == "out/detections.png"
    with Image.open(trained.folder / "out" / "detections.png") as drawing:
        assert drawing.format == "PNG"


IN_A_FRESH_PROCESS = """
import json
import parnet_zoo.networks
import keras, keras_cv
import numpy as np
from average_precision import average_precision
from detection import find, precision, truth
from scattered_digits import scattered_digits

images = np.load("images.npy")
untrained = keras.saving.load_model("untrained.keras")
raw = untrained({"images": images})
np.savez("again.npz", **{name: np.asarray(values) for name, values in raw.items()})

trained = keras.saving.load_model("out/detector.keras")
scenes = scattered_digits(60, "test", seed=0)
print(json.dumps(precision(trained, scenes)))
real, seen = truth(scenes), find(trained, scenes)
for boxes in [*real, *seen]:
    boxes.classes[:] = 0
print(average_precision(real, seen, [0.5])[0.5])
"""


@pytest.fixture(scope="module")
def raw_outputs(trained: Done) -> dict[str, Any]:
    """What a detector gives that was never saved; it and its input are left in the folder."""
    detector = build_detector()
    dice = np.random.default_rng(0)
    for variable in detector.variables:
        if "moving_" in variable.path:  # as training leaves them: neither 0 nor 1
            variable.assign(dice.uniform(0.5, 1.5, variable.shape))
    images = dice.random((2, 128, 128, 3), np.float32)
    np.save(trained.folder / "images.npy", images)
    detector.save(trained.folder / "untrained.keras")
    return {name: np.asarray(raw) for name, raw in detector({"images": images}).items()}


@pytest.fixture(scope="module")
def loaded(trained: Done, raw_outputs: dict[str, Any]) -> list[str]:
    """What a process prints that loads the detectors and knows the networks only."""
    del raw_outputs  # its detector is loaded too
    done = subprocess.run(
        [sys.executable, "-c", IN_A_FRESH_PROCESS],
        cwd=trained.folder,
        env={**user_environment(), "PYTHONPATH": str(REPOSITORY / "examples")},
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-2:]


@pytest.mark.slow
def test_a_loaded_detector_gives_the_same_raw_outputs(
    trained: Done, raw_outputs: dict[str, Any], loaded: list[str]
) -> None:
    del loaded  # has left them
    with np.load(trained.folder / "again.npz") as again:
        assert set(again) == set(raw_outputs) == {"box", "classification"}
        for name, raw in raw_outputs.items():
            np.testing.assert_allclose(again[name], raw, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_the_saved_detector_finds_what_the_trained_one_found(
    trained: Done, loaded: list[str]
) -> None:
    again = json.loads(loaded[0])
    assert again == pytest.approx({name: trained.json[name] for name in again}, abs=1e-6)


@pytest.mark.slow
def test_a_short_training_finds_digits_where_they_are(loaded: list[str]) -> None:
    """Which digit it is takes longer to learn, so its class is not asked for here."""
    # 0.19 where this was written; an untrained detector has 0.0003
    assert float(loaded[1]) > 0.05
