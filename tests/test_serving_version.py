import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from parnet_zoo.errors import ParnetZooError, TrackingError, UsageError
from parnet_zoo.serving.load import load
from parnet_zoo.serving.runtime import Classifier
from parnet_zoo.serving.version import LoggedVersion, log_version
from tests.serving_helpers import colour_model, encoded, expected_probabilities, logged

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Store:
    """An MLflow store with two versions, in a folder of its own."""

    folder: Path
    version: LoggedVersion
    other: LoggedVersion

    def files(self, name: str = "colours") -> Path:
        """Where the files of a registered model's first version lie, as they were logged."""
        import mlflow

        client = mlflow.MlflowClient()
        model_id = client.get_model_version(name, "1").source.rpartition("/")[2]
        return Path(client.get_logged_model(model_id).artifact_location.removeprefix("file://"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        version = logged(colour_model(folder / "one"), folder, "colours")
        other = logged(
            colour_model(folder / "two", labels=["rouge", "vert", "bleu"], size=16),
            folder,
            "couleurs",
        )
        yield Store(folder, version, other)


def test_a_version_is_registered_under_the_name_and_belongs_to_the_run(store: Store) -> None:
    import mlflow

    assert store.version == LoggedVersion("models:/colours/1", "colours", 1)
    client = mlflow.MlflowClient()
    registered = client.get_model_version("colours", "1")
    run = client.get_run(str(registered.run_id))
    assert run.info.experiment_id == client.get_experiment_by_name("serving").experiment_id
    (model,) = client.search_logged_models([run.info.experiment_id], "name = 'colours'")
    assert model.source_run_id == registered.run_id
    assert model.status == "READY"


def test_versions_count_up(store: Store) -> None:
    again = logged(colour_model(store.folder / "again"), store.folder, "counted")
    assert again.version == 1
    assert logged(store.folder / "again", store.folder, "counted").model_uri == "models:/counted/2"


def test_the_version_documents_its_input_parameter_and_answer(store: Store) -> None:
    import mlflow

    info = mlflow.models.get_model_info(store.version.model_uri)
    (image,) = info.signature.inputs.to_dict()
    assert (image["name"], image["type"]) == ("image", "string")
    (top_k,) = info.signature.params.to_dict()
    assert (top_k["name"], top_k["type"], top_k["default"]) == ("top_k", "long", 5)
    assert info.signature.outputs.input_names() == ["label", "probability", "top_k"]
    assert info.metadata == {"spec": "colours"}
    example = json.loads((store.files() / "serving_input_example.json").read_text())
    (answer,) = mlflow.pyfunc.load_model(store.version.model_uri).predict(
        {"image": example["dataframe_split"]["data"][0][0]}, params=example["params"]
    )
    assert answer["label"] == "red"


def test_the_version_needs_little_and_nothing_of_this_project(store: Store) -> None:
    requirements = (store.files() / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in requirements] == [
        "mlflow",
        "numpy",
        "pillow",
        "onnxruntime",
    ]
    assert all(re.fullmatch(r"[a-z]+==[0-9][0-9.]*", line) for line in requirements)


def test_the_version_holds_no_pickle_and_only_what_it_needs(store: Store) -> None:
    folder = store.files()
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    # MLflow adds it when somebody loads the version by its name.
    assert files - {"registered_model_meta"} == {
        "MLmodel",
        "artifacts/model/classifier.json",
        "artifacts/model/model.onnx",
        "conda.yaml",
        "input_example.json",
        "parnet_runtime.py",
        "python_env.yaml",
        "requirements.txt",
        "serving_input_example.json",
    }


def test_no_path_of_the_training_machine_is_in_the_version(store: Store) -> None:
    import tempfile

    traces = {
        str(path).encode()
        for path in (store.folder, HERE, Path.home(), Path(tempfile.gettempdir()), sys.prefix)
    }
    traces.add(socket.gethostname().encode())
    for path in store.files().rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert [trace for trace in traces if trace in content] == [], path.name


def test_the_example_is_small_and_without_the_photographs_metadata(store: Store) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x010E] = "at home, 52.1 N 4.3 E"
    photograph = encoded("blue", file_format="JPEG", size=(2000, 1500), exif=exif)
    assert b"at home" in photograph
    import base64

    import mlflow

    client = mlflow.MlflowClient()
    run = client.create_run(client.get_experiment_by_name("serving").experiment_id)
    log_version(
        store.folder / "one",
        run_id=run.info.run_id,
        name="private",
        example=photograph,
        metadata={},
    )
    content = json.loads((store.files("private") / "serving_input_example.json").read_text())
    example = base64.b64decode(content["dataframe_split"]["data"][0][0])
    assert len(example) < 1000
    assert b"at home" not in example


def test_two_versions_in_one_process_keep_their_own_labels_and_sizes(store: Store) -> None:
    import base64

    import mlflow

    green = base64.b64encode(encoded("green")).decode()
    one = mlflow.pyfunc.load_model(store.version.model_uri)
    two = mlflow.pyfunc.load_model(store.other.model_uri)
    answers = [model.predict({"image": green})[0]["label"] for model in (one, two, one)]
    assert answers == ["green", "vert", "green"]


def test_the_python_model_takes_several_pictures_as_a_column_of_text_or_bytes(
    store: Store,
) -> None:
    import base64

    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(store.version.model_uri)
    pictures = [encoded(colour) for colour in ("red", "blue")]
    texts = [base64.b64encode(picture).decode() for picture in pictures]
    for column in (
        {"image": texts},
        pd.DataFrame({"image": texts}),
        pd.DataFrame({"image": pictures}),
    ):
        assert [answer["label"] for answer in model.predict(column)] == ["red", "blue"]


def test_load_takes_every_kind_of_address(store: Store) -> None:
    import mlflow

    client = mlflow.MlflowClient()
    client.set_registered_model_alias("colours", "champion", "1")
    registered = client.get_model_version("colours", "1")
    model_id = client.get_run(str(registered.run_id)).outputs.model_outputs[0].model_id
    addresses: list[str | Path] = [
        "models:/colours/1",
        "models:/colours@champion",
        f"models:/{model_id}",
        f"runs:/{registered.run_id}/colours",
        store.files(),
        str(store.folder / "one"),
    ]
    for address in addresses:
        classifier = load(address)
        assert classifier.labels == ("red", "green", "blue")
        probability = classifier.predict(encoded("blue"))[0]["probability"]
        assert probability == pytest.approx(expected_probabilities((0, 0, 255))[2], abs=1e-6)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("models:/nothing@champion", "nothing not found"),
        ("models:/colours/99", r"version=99\) not found"),
        ("models:/colours@nobody", "alias nobody not found"),
        ("runs:/0123456789abcdef0123456789abcdef/model", "not found"),
    ],
)
def test_what_the_store_does_not_have_is_said_in_a_sentence(
    store: Store, address: str, complaint: str
) -> None:
    with pytest.raises(TrackingError, match=complaint) as error:
        load(address)
    assert address in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_folders_without_a_model_are_refused_in_a_sentence(store: Store, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no model at .*missing: there is no such folder"):
        load(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"classifier\.json is missing"):
        load(tmp_path)
    (tmp_path / "MLmodel").write_text("flavors: {}")
    with pytest.raises(UsageError, match="not one that parnet-zoo made"):
        load(tmp_path)


def test_where_there_is_no_store_none_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(TrackingError, match=r"there is no MLflow store .*mlflow\.db"):
        load("models:/colours/1")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("address", [None, "sqlite:///{folder}/mlflow.db?timeout=5"])
def test_a_store_in_a_folder_of_any_name_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    folder = tmp_path / "with space % ü"
    colour_model(folder / "model")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_REGISTRY_URI", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if address is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address.format(folder=quote(str(folder))))
    version = logged(Path("model"), folder, "colours")
    assert load(version.model_uri).labels == ("red", "green", "blue")


def test_a_server_that_does_not_answer_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError, match=r"127\.0\.0\.1:9\S* does not answer") as error:
        load("models:/colours/1")
    assert "secret" not in str(error.value)


def test_a_run_that_does_not_exist_is_a_tracking_error(store: Store) -> None:
    with pytest.raises(TrackingError, match="could not be logged and registered"):
        log_version(
            store.folder / "one", run_id="0" * 32, name="lost", example=encoded(), metadata={}
        )


def test_logging_and_loading_print_nothing(store: Store) -> None:
    script = (
        "from pathlib import Path\n"
        "from parnet_zoo.serving.load import load\n"
        "from tests.serving_helpers import logged\n"
        f"folder = Path({str(store.folder)!r})\n"
        "load(logged(folder / 'one', folder, 'silent').model_uri)\n"
    )
    # The store's own start-up lines belong to whoever opens it first: here, the fixture.
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout + done.stderr == ""


@pytest.fixture(scope="module")
def network() -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            keras.layers.Conv2D(8, 3, strides=2, activation="silu"),
            keras.layers.Conv2D(16, 3, strides=2, activation="silu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(3),
        ]
    )


class TestPack:
    def test_the_packed_network_answers_as_the_keras_model(
        self, network: Any, tmp_path: Path
    ) -> None:
        from parnet_zoo.serving.pack import pack

        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        folder = pack(
            network,
            tmp_path / "packed",
            labels=["a", "b", "c"],
            resolution=24,
            resize="crop",
            mean=mean,
            std=std,
        )
        pictures = np.random.default_rng(1).integers(0, 256, (20, 24, 24, 3), np.uint8)
        logits = np.asarray(network((pictures / 255 - mean) / std), np.float64)
        powers = np.exp(logits)
        expected = powers / powers.sum(axis=1, keepdims=True)
        classifier = Classifier(folder)
        np.testing.assert_allclose(classifier.probabilities(pictures), expected, atol=1e-5)
        assert classifier.labels == ("a", "b", "c")
        assert sorted(path.name for path in folder.iterdir()) == ["classifier.json", "model.onnx"]

    def test_packing_again_replaces_the_model(self, network: Any, tmp_path: Path) -> None:
        from parnet_zoo.serving.pack import pack

        for labels in (["a", "b", "c"], ["d", "e", "f"]):
            pack(
                network,
                tmp_path,
                labels=labels,
                resolution=24,
                resize="stretch",
                mean=(0, 0, 0),
                std=(1, 1, 1),
            )
        assert Classifier(tmp_path).labels == ("d", "e", "f")

    def test_labels_that_do_not_fit_the_network_are_refused(
        self, network: Any, tmp_path: Path
    ) -> None:
        from parnet_zoo.serving.pack import pack

        with pytest.raises(ParnetZooError, match=r"cannot be used: .*2 classes"):
            pack(
                network,
                tmp_path,
                labels=["a", "b"],
                resolution=24,
                resize="stretch",
                mean=(0, 0, 0),
                std=(1, 1, 1),
            )

    def test_a_network_that_computes_something_else_after_export_is_refused(
        self, tmp_path: Path
    ) -> None:
        """Random numbers stand for whatever an exporter may get wrong."""
        import keras

        from parnet_zoo.serving.pack import pack

        @keras.saving.register_keras_serializable("tests")
        class Fickle(keras.layers.Layer):
            calls = 0

            def call(self, logits: Any) -> Any:
                Fickle.calls += 1
                return logits + keras.ops.arange(3, dtype="float32") * Fickle.calls

        inputs = keras.Input((None, None, 3))
        outputs = Fickle()(keras.layers.GlobalAveragePooling2D()(inputs))
        with pytest.raises(ParnetZooError, match="differs from the Keras model by"):
            pack(
                keras.Model(inputs, outputs),
                tmp_path,
                labels=["a", "b", "c"],
                resolution=24,
                resize="stretch",
                mean=(0, 0, 0),
                std=(1, 1, 1),
            )
