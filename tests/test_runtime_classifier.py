import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parnet_zoo.serving import runtime
from parnet_zoo.serving.runtime import Classifier, ImageDecodeError, RuntimeModelError, Source
from tests.serving_helpers import COLOURS, colour_model, encoded, expected_probabilities


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return colour_model(tmp_path / "model")


@pytest.fixture
def classifier(folder: Path) -> Classifier:
    return Classifier(folder)


def test_probabilities_are_the_softmax_of_the_graph_on_normalised_pixels(
    classifier: Classifier,
) -> None:
    colours = [(255, 0, 0), (10, 200, 30), (7, 7, 7)]
    batch = np.array(colours, np.uint8)[:, None, None, :].repeat(8, 1).repeat(8, 2)
    probabilities = classifier.probabilities(batch)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, [*map(expected_probabilities, colours)], atol=1e-6)


def test_an_answer_names_the_best_label_and_the_first_few_best_first(
    classifier: Classifier,
) -> None:
    (answer,) = classifier.predict([encoded((40, 250, 100))], top_k=2)
    expected = expected_probabilities((40, 250, 100))
    assert [score["label"] for score in answer["top_k"]] == ["green", "blue"]
    assert answer["label"] == "green"
    assert answer["probability"] == answer["top_k"][0]["probability"]
    assert answer["probability"] == pytest.approx(expected[1], abs=1e-6)
    json.dumps(answer)


def test_pictures_of_every_kind_are_answered_in_order_and_a_single_one_as_a_list_of_one(
    classifier: Classifier, tmp_path: Path
) -> None:
    (tmp_path / "green.png").write_bytes(encoded("green"))
    blue = np.zeros((5, 5, 3), np.uint8)
    blue[..., 2] = 255
    sources: list[Source] = [
        encoded("red"),
        tmp_path / "green.png",
        str(tmp_path / "green.png"),
        blue,
    ]
    labels = [answer["label"] for answer in classifier.predict(sources)]
    assert labels == ["red", "green", "green", "blue"]
    for source, label in zip(sources, labels, strict=True):
        assert [answer["label"] for answer in classifier.predict(source)] == [label]
    assert [a["label"] for a in classifier.predict(np.stack([blue, blue]))] == ["blue", "blue"]


def test_many_pictures_are_decoded_only_when_their_batch_is_due(classifier: Classifier) -> None:
    alive = 0
    most = 0

    class Picture(bytes):
        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def pictures() -> Any:
        nonlocal alive, most
        for number in range(100):
            alive += 1
            most = max(most, alive)
            yield Picture(encoded(COLOURS[number % 3]))

    labels = [answer["label"] for answer in classifier.predict(pictures(), top_k=1)]
    assert labels == [COLOURS[number % 3] for number in range(100)]
    assert most <= 2


def test_no_pictures_give_no_answers(classifier: Classifier) -> None:
    assert classifier.predict([]) == []
    assert classifier.probabilities(np.zeros((0, 8, 8, 3), np.uint8)).shape == (0, 3)


def test_top_k_beyond_the_classes_means_all_and_below_1_is_refused(
    classifier: Classifier,
) -> None:
    assert len(classifier.predict(encoded(), top_k=99)[0]["top_k"]) == 3
    with pytest.raises(ValueError, match="top_k must be 1 or more, not 0"):
        classifier.predict(encoded(), top_k=0)


def test_the_unreadable_picture_among_several_is_named(
    classifier: Classifier, tmp_path: Path
) -> None:
    with pytest.raises(ImageDecodeError, match=r"^image 2: this is not a picture"):
        classifier.predict([encoded(), b"rubbish"])
    with pytest.raises(ImageDecodeError, match=r"missing\.png: there is no such file"):
        classifier.predict([encoded(), tmp_path / "missing.png"])


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((1, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), np.uint8),
        np.zeros((1, 9, 8, 3), "u1"),
    ],
)
def test_pixels_of_another_shape_or_type_are_refused(
    classifier: Classifier, batch: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"expected uint8 pixels of shape \(n, 8, 8, 3\)"):
        classifier.probabilities(batch)


def test_resize_is_the_models_own(tmp_path: Path) -> None:
    picture = np.zeros((10, 40, 3), np.uint8)
    picture[:, :, 0] = 255
    picture[:, 15:25] = (0, 255, 0)
    labels = {
        resize: Classifier(colour_model(tmp_path / resize, resize=resize)).predict(picture)[0]
        for resize in ("stretch", "crop")
    }
    assert labels["stretch"]["label"] == "red"
    assert labels["crop"]["label"] == "green"


def test_one_classifier_answers_several_threads_at_once(classifier: Classifier) -> None:
    answers: dict[str, list[str]] = {}

    def ask(colour: str) -> None:
        many = [encoded(colour)] * 50
        answers[colour] = [answer["label"] for answer in classifier.predict(many)]

    threads = [threading.Thread(target=ask, args=(colour,)) for colour in COLOURS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {colour: [colour] * 50 for colour in COLOURS}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"format_version": 2}, "format_version 2; this runtime reads 1"),
        ({"format_version": None}, "format_version None"),
        ({"labels": ["a", "b"]}, r"does not fit classifier\.json.*2 classes"),
        ({"labels": []}, "labels must be a list of strings"),
        ({"labels": ["a", "b", 3]}, "labels must be a list of strings"),
        ({"labels": ["a", "b", "a"]}, "labels must be unique"),
        ({"resolution": 16}, r"does not fit classifier\.json.*\(n, 16, 16, 3\)"),
        ({"resolution": "8"}, "resolution must be a whole number"),
        ({"resolution": 10**9}, "resolution must be a whole number"),
        ({"resize": "fit"}, "resize must be 'stretch' or 'crop'"),
        ({"mean": [0.5]}, "mean must be three numbers"),
        ({"mean": [0.5, "x", 0.5]}, "is not usable"),
        ({"mean": [0.5, float("nan"), 0.5]}, "mean must be three finite numbers"),
        ({"std": [0.5, 0, 0.5]}, "std must be above 0"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_in_a_sentence(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(RuntimeModelError, match=complaint) as error:
        Classifier(colour_model(tmp_path, **change))
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("key", ["labels", "resolution", "resize", "mean", "std"])
def test_a_missing_setting_is_named(folder: Path, key: str) -> None:
    path = folder / "classifier.json"
    content = json.loads(path.read_text())
    del content[key]
    path.write_text(json.dumps(content))
    with pytest.raises(RuntimeModelError, match=f"'{key}' is missing"):
        Classifier(folder)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udcff", "[" * 100_000])
def test_broken_json_is_refused_in_a_sentence(folder: Path, text: str) -> None:
    (folder / "classifier.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RuntimeModelError, match=r"classifier\.json (is not valid|does not hold)"):
        Classifier(folder)


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x08\x07" * 100])
def test_a_broken_graph_is_refused_in_a_sentence(folder: Path, content: bytes) -> None:
    (folder / "model.onnx").write_bytes(content)
    with pytest.raises(RuntimeModelError, match=r"model\.onnx is not a usable ONNX graph"):
        Classifier(folder)


@pytest.mark.parametrize("missing", ["classifier.json", "model.onnx"])
def test_a_missing_file_is_named(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(RuntimeModelError, match=f"no model here: .*{missing} is missing"):
        Classifier(folder)


def test_an_unknown_engine_is_refused(folder: Path) -> None:
    assert Classifier(folder, engine="onnxruntime").engine == "onnxruntime"
    with pytest.raises(RuntimeModelError, match="engine must be"):
        Classifier(folder, engine="tensorrt")


def test_the_file_stands_alone(folder: Path, tmp_path: Path) -> None:
    """A copy answers in a process that has only the copy; nothing heavy is imported."""
    copy = tmp_path / "alone.py"
    # The last lines are for MLflow, which loads the file under a name of its own.
    copy.write_text(Path(runtime.__file__).read_text("utf-8").rpartition("\nif __name__")[0])
    script = (
        "import sys, alone\n"
        f"print(alone.Classifier({str(folder)!r}).predict(sys.stdin.buffer.read())[0]['label'])\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'pandas', 'parnet_zoo', 'registry'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        input=encoded("green"),
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.decode().split("\n")[:2] == ["green", "[]"]
    assert done.stderr == b""
