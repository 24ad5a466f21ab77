"""The served version, as a real `mlflow models serve` process that has only the version."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parnet_zoo.serving.load import load
from tests.serving_helpers import colour_model, encoded, logged

pytestmark = pytest.mark.slow

START_SECONDS = 90
FORBIDDEN = ("parnet_zoo", "registry", "tensorflow", "keras")
BLOCKER = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (blocked by a test)", name=name)

sys.meta_path.insert(0, Blocker())
"""
PICTURES = [encoded("green", file_format="JPEG"), encoded("blue"), encoded((200, 30, 60))]


def text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


@dataclass
class Server:
    """A running server."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def ask(self, request: Any, content_type: str = "application/json") -> tuple[int, Any]:
        """Status and parsed answer."""
        body = request if isinstance(request, bytes) else json.dumps(request).encode()
        headers = {"Content-Type": content_type}
        message = urllib.request.Request(f"{self.url}/invocations", body, headers)
        try:
            with urllib.request.urlopen(message, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/ping", timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                time.sleep(0.2)
        pytest.fail(f"the server did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
        except ProcessLookupError:
            self.process.wait(20)


def bare_environment(folder: Path) -> dict[str, str]:
    """An environment in which neither the project nor TensorFlow can be imported."""
    (folder / "bare").mkdir(exist_ok=True)
    (folder / "bare" / "sitecustomize.py").write_text(BLOCKER)
    return {
        **os.environ,
        "PYTHONPATH": str(folder / "bare"),
        # mlflow looks for `uvicorn` beside the interpreter that runs it
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with the registered model `colours`, alias champion."""
    import mlflow

    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.delenv("MLFLOW_REGISTRY_URI", raising=False)
        version = logged(colour_model(folder / "packed"), folder, "colours")
        mlflow.MlflowClient().set_registered_model_alias("colours", "champion", version.version)
        yield folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = (
        f"{sys.executable} -m mlflow models serve -m models:/colours@champion "
        f"--env-manager local --host 127.0.0.1 --port {port}"
    )
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command.split(),
            cwd=folder,
            env=bare_environment(folder),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", log, process)
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def show_log_of_a_failure(request: pytest.FixtureRequest, server: Server) -> Iterator[None]:
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before or server.process.poll() is not None:
        sys.stderr.write(server.log.read_text()[-5000:])


@pytest.mark.parametrize("module", FORBIDDEN)
def test_the_servers_environment_has_neither_project_nor_tensorflow(
    folder: Path, module: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"],
        env=bare_environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "blocked by a test" in done.stderr


def requests(pictures: Sequence[bytes]) -> dict[str, Any]:
    """The same pictures in every form of JSON that MLflow takes."""
    texts = [text(picture) for picture in pictures]
    records = [{"image": picture} for picture in texts]
    return {
        "dataframe_records": {"dataframe_records": records},
        "dataframe_split": {
            "dataframe_split": {"columns": ["image"], "data": [[picture] for picture in texts]}
        },
        "inputs, rows": {"inputs": records},
        "inputs, column": {"inputs": {"image": texts}},
        "inputs, plain": {"inputs": texts},
        "instances, rows": {"instances": records},
        "instances, column": {"instances": {"image": texts}},
        "instances, plain": {"instances": texts},
        "data URLs": {"inputs": [f"data:image/png;base64,{picture}" for picture in texts]},
        "wrapped lines": {
            "dataframe_records": [{"image": base64.encodebytes(x).decode()} for x in pictures]
        },
    }


@pytest.mark.parametrize("form", requests([]))
def test_every_form_of_json_gives_the_answers_in_order(server: Server, form: str) -> None:
    status, answer = server.ask(requests(PICTURES)[form])
    assert status == 200, answer
    assert list(answer) == ["predictions"]
    assert [row["label"] for row in answer["predictions"]] == ["green", "blue", "red"]
    for row in answer["predictions"]:
        assert list(row) == ["label", "probability", "top_k"]
        assert len(row["top_k"]) == 3
        assert row["top_k"][0] == {"label": row["label"], "probability": row["probability"]}
        assert sum(score["probability"] for score in row["top_k"]) == pytest.approx(1)
    (one,) = server.ask(requests(PICTURES[:1])[form])[1]["predictions"]
    assert one["probability"] == pytest.approx(answer["predictions"][0]["probability"], abs=1e-6)


def test_a_column_of_csv_is_answered_too(server: Server) -> None:
    body = "image\n" + "\n".join(map(text, PICTURES))
    status, answer = server.ask(body.encode(), "text/csv")
    assert status == 200, answer
    assert [row["label"] for row in answer["predictions"]] == ["green", "blue", "red"]


@pytest.mark.parametrize(("top_k", "labels"), [(1, 1), (2, 2), (3, 3), (1000, 3), (None, 3)])
def test_top_k_says_how_many_labels_and_never_more_than_there_are(
    server: Server, top_k: int | None, labels: int
) -> None:
    request = {"inputs": [text(PICTURES[0])], "params": {"top_k": top_k}}
    status, answer = server.ask(request)
    assert status == 200, answer
    assert len(answer["predictions"][0]["top_k"]) == labels


RUBBISH = text(b"this is no picture " * 200)
CUT_OFF = text(encoded("red", size=(300, 300))[:400])


@pytest.mark.parametrize(
    ("request_body", "sentence"),
    [
        (
            {"dataframe_records": [{"image": text(PICTURES[0])}, {"image": RUBBISH}]},
            "Image 2: this is not a picture in JPEG, PNG, WebP, BMP, GIF, TIFF or JPEG 2000.",
        ),
        ({"inputs": [CUT_OFF]}, "Image 1: the picture's data is broken or cut off."),
        ({"inputs": ["not base64!" * 100]}, "Image 1: this is not base64 text."),
        ({"instances": [{"image": ""}]}, "Image 1: there is no data"),
        ({"dataframe_records": [{"image": 5}]}, "Image 1: this is not base64 text."),
        ({"dataframe_records": [{"image": None}]}, "Image 1: this is not base64 text."),
        ({"dataframe_records": [{"image": [RUBBISH]}]}, "Image 1: this is not a picture"),
        ({"dataframe_records": [{"image": {"a": RUBBISH}}]}, "Image 1: this is not base64 text."),
        ({"inputs": [[text(PICTURES[0])], [RUBBISH]]}, "Image 1: this is not base64 text."),
        (
            {"dataframe_records": [{"picture": RUBBISH}]},
            "The request holds no pictures: give them in column 'image', each as base64 text.",
        ),
        ({"inputs": {"picture": [RUBBISH]}}, "The request holds no pictures"),
        (
            {"dataframe_split": {"columns": ["picture"], "data": [[RUBBISH]]}},
            "The request holds no pictures",
        ),
        ({"dataframe_split": {"data": [[RUBBISH]]}}, "The request holds no pictures"),
        ({"dataframe_records": []}, "The request holds no pictures"),
        ({"instances": []}, "The request holds no pictures"),
        ({"inputs": {"image": []}}, "The request holds no pictures"),
        (
            {"inputs": [RUBBISH], "params": {"top_k": 0}},
            "Parameter top_k must be a whole number from 1 up, not 0.",
        ),
        (
            {"inputs": [RUBBISH], "params": {"top_k": -3}},
            "Parameter top_k must be a whole number from 1 up, not -3.",
        ),
        ({"inputs": ["/etc/hostname"]}, "Image 1: this is not"),
        ({"inputs": ["file:///etc/hostname"]}, "Image 1: this is not base64 text."),
        ({"inputs": ["data:image/png,abc"]}, "Image 1: the data URL does not hold base64."),
    ],
)
def test_what_is_no_picture_gets_400_and_one_sentence_and_the_server_goes_on(
    server: Server, request_body: Any, sentence: str
) -> None:
    status, answer = server.ask(request_body)
    assert status == 400
    assert answer["message"].startswith(sentence)
    assert len(answer["message"]) < 150
    assert "stack_trace" not in answer
    assert "Traceback" not in str(answer)
    assert RUBBISH[:30] not in str(answer)
    status, answer = server.ask({"inputs": [text(PICTURES[0])]})
    assert (status, answer["predictions"][0]["label"]) == (200, "green")


def test_a_picture_beyond_the_limit_of_bytes_is_refused(server: Server) -> None:
    status, answer = server.ask({"dataframe_records": [{"image": "A" * (100 * 2**20)}]})
    assert (status, answer["message"]) == (400, "Image 1: the picture is larger than 64 MB.")
    assert server.ask({"inputs": [text(PICTURES[0])]})[0] == 200


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[]", b'{"pictures": []}', b'{"inputs": "x", "params": 3}']
)
def test_requests_that_mlflow_itself_refuses_leave_the_server_up(
    server: Server, body: bytes
) -> None:
    assert server.ask(body)[0] == 400
    assert server.ask({"inputs": [text(PICTURES[0])]})[0] == 200


def test_predict_and_the_server_agree(server: Server, shared: Path) -> None:
    photographs = sorted((shared / "data" / "dogcat" / "test" / "cat").glob("*.jpg"))[:20]
    answers = load("models:/colours@champion").predict(photographs)
    body = {"inputs": [text(path.read_bytes()) for path in photographs]}
    served = server.ask(body)[1]["predictions"]
    assert len(served) == len(answers) == 20
    for ours, theirs in zip(answers, served, strict=True):
        assert [x["label"] for x in ours["top_k"]] == [x["label"] for x in theirs["top_k"]]
        for mine, its in zip(ours["top_k"], theirs["top_k"], strict=True):
            assert mine["probability"] == pytest.approx(its["probability"], abs=1e-5)
