"""Which store is used, and what is said when it cannot be."""

import logging
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.quiet import quiet
from parnet_zoo.tracking.reach import check_reachable
from parnet_zoo.tracking.store import connect, describe_store, open_client
from parnet_zoo.tracking.uri import anchored, redact, tracking_uri

_MLFLOWS_OWN = "mlflow.tracking._tracking_service.utils"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a web server that gives one answer, whatever it is asked."""
    status, body = request.param

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://me:hunter2@127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith("MLFLOW_")} | variables
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class TestTheStoreThatIsUsed:
    """It is the one that MLflow itself would take."""

    @pytest.mark.parametrize(
        ("variables", "file_store"),
        [
            ({}, False),
            ({}, True),
            ({"MLFLOW_TRACKING_URI": ""}, False),
            ({"MLFLOW_TRACKING_URI": "sqlite:///elsewhere.db"}, True),
            ({"MLFLOW_TRACKING_URI": "http://example.invalid:5000/base"}, False),
        ],
    )
    @pytest.mark.parametrize("folder", ["plain", "with space % and ü"])
    def test_agrees_with_mlflow(
        self,
        folder: str,
        variables: dict[str, str],
        file_store: bool,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        Path(folder).mkdir()
        monkeypatch.chdir(folder)
        if file_store:
            Path("mlruns/0").mkdir(parents=True)
            Path("mlruns/0/meta.yaml").touch()
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as without_mlflow:
            without_mlflow.delitem(sys.modules, _MLFLOWS_OWN, raising=False)
            ours = tracking_uri()

        from mlflow.tracking._tracking_service.utils import get_tracking_uri

        assert ours == get_tracking_uri()

    def test_is_described_without_importing_mlflow(self) -> None:
        done = _python(
            "import sys; from parnet_zoo.tracking.store import describe_store\n"
            "print(describe_store(), 'mlflow' in sys.modules)"
        )
        assert done.stdout.split() == [f"sqlite:///{Path.cwd()}/mlflow.db", "False"]

    def test_a_uri_set_in_python_counts(self) -> None:
        done = _python(
            "import mlflow; from parnet_zoo.tracking.store import describe_store\n"
            "mlflow.set_tracking_uri('http://set.in.python'); print(describe_store())"
        )
        assert done.stdout.strip() == "http://set.in.python"

    def test_a_relative_database_is_found_again_from_another_folder(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = Path.cwd()
        uri = anchored("sqlite:///here.db")
        connect("first", uri)
        Path("other").mkdir()
        monkeypatch.chdir("other")
        assert open_client(uri).get_experiment_by_name("first") is not None
        assert (home / "here.db").exists()
        assert not Path("here.db").exists()


class TestSecrets:
    """Passwords and tokens in addresses are not shown."""

    @pytest.mark.parametrize(
        ("uri", "shown"),
        [
            ("postgresql://zoo:hunter2@db:5432/runs", "postgresql://zoo:***@db:5432/runs"),
            ("https://me:hunter2@server/base", "https://me:***@server/base"),
            ("https://hunter2@server", "https://***@server"),
            ("mysql+pymysql://a:p@hunter2@db/runs", "mysql+pymysql://a:***@db/runs"),
            ("postgresql://db/x?user=a&password=hunter2", "postgresql://db/x?user=a&password=***"),
            ("https://server/?access_token=hunter2#a", "https://server/?access_token=***#a"),
            ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
        ],
    )
    def test_are_replaced(self, uri: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        assert describe_store() == shown

    @settings(deadline=None)
    @given(st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=6))
    def test_never_get_through(self, password: str) -> None:
        text = f"cannot open mysql://user:{password}@host/db, nor http://{password}@host"
        assert password not in redact(text).replace("cannot open mysql", "")


class TestConnecting:
    """An experiment is found or made, in a store that is made if need be."""

    def test_creates_the_experiment_once(self) -> None:
        first = connect("digits")
        assert connect("digits") == first
        found = open_client().get_experiment(first)
        assert found.name == "digits"
        assert Path("mlflow.db").exists()
        assert str(found.artifact_location).startswith(str(Path.cwd() / "mlruns"))

    def test_does_not_bring_a_deleted_experiment_back(self) -> None:
        number = connect("digits")
        open_client().delete_experiment(number)
        with pytest.raises(TrackingError, match=r"was deleted .*mlflow experiments restore"):
            connect("digits")
        assert open_client().get_experiment(number).lifecycle_stage == "deleted"

    @pytest.mark.slow
    def test_is_silent(self) -> None:
        done = _python("from parnet_zoo.tracking.store import connect; connect('digits')")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_leaves_warnings_and_other_threads_alone(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        log = logging.getLogger("mlflow.anything")
        with quiet():
            log.info("start-up noise")
            log.warning("a real warning")
            other = threading.Thread(target=log.info, args=("of another thread",))
            other.start()
            other.join()
        log.info("afterwards")
        said = capsys.readouterr().err
        assert "start-up noise" not in said
        assert "a real warning" in said
        assert "of another thread" in said
        assert "afterwards" in said

    @pytest.mark.slow
    def test_many_processes_may_create_the_store_at_once(self) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(4) as pool:
            numbers = pool.map(connect, ["same"] * 4, chunksize=1)
        assert len(set(numbers)) == 1
        assert [e.name for e in open_client().search_experiments()] == ["same", "Default"]


class TestAStoreThatFails:
    """One sentence, at once, without MLflow's minutes of retries, and without a password."""

    def test_nothing_listens(self, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:hunter2@127.0.0.1:{free_port}")
        with pytest.raises(TrackingError) as caught:
            connect("digits")
        assert str(caught.value) == (
            f"the MLflow server at http://me:***@127.0.0.1:{free_port} does not answer "
            "(connection refused): start it, or set MLFLOW_TRACKING_URI to another store"
        )
        assert caught.value.exit_code == 4

    def test_the_host_is_unknown(self) -> None:
        with pytest.raises(TrackingError, match=r"does not answer \(the host name is unknown\)"):
            check_reachable("http://no-such-host.invalid:5000")

    def test_it_takes_the_call_and_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            uri = f"http://127.0.0.1:{mute.getsockname()[1]}"
            with pytest.raises(TrackingError, match="no answer in time"):
                check_reachable(uri, seconds=0.2)

    @pytest.mark.parametrize(
        ("answering", "sentence"),
        [
            ((200, "<html>my blog</html>"), "answers, but not as an MLflow server"),
            ((404, "nothing here"), "answers, but not as an MLflow server"),
            ((401, ""), "refuses this user.*MLFLOW_TRACKING_USERNAME"),
            ((403, ""), "refuses this user"),
            ((500, "no space\nleft"), r"is in trouble \(HTTP 500\): no space left"),
            ((503, ""), r"is in trouble \(HTTP 503\): no explanation"),
        ],
        indirect=["answering"],
    )
    def test_it_answers_wrongly(self, answering: str, sentence: str) -> None:
        with pytest.raises(TrackingError, match=sentence) as caught:
            connect("digits", answering)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_database_is_no_database(self) -> None:
        Path("mlflow.db").write_text("these are not the tables you are looking for" * 100)
        with pytest.raises(TrackingError, match=r"cannot be opened \(file is not a database\)"):
            connect("digits")

    def test_the_database_cannot_be_created(self) -> None:
        Path("file").touch()
        with pytest.raises(TrackingError, match="cannot be opened"):
            connect("digits", f"sqlite:///{Path.cwd()}/file/mlflow.db")

    def test_the_database_server_is_away(
        self, free_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        driver = types.ModuleType("pymysql")  # has to be there, but is never called
        driver.__dict__["paramstyle"] = "pyformat"
        monkeypatch.setitem(sys.modules, "pymysql", driver)
        with pytest.raises(TrackingError, match=r"cannot be opened \(connection refused\)"):
            connect("digits", f"mysql+pymysql://me:hunter2@127.0.0.1:{free_port}/runs")

    def test_the_database_driver_is_missing(self) -> None:
        with pytest.raises(
            TrackingError, match=r"postgresql.*cannot be opened.*zoodriver"
        ) as caught:
            connect("digits", "postgresql+zoodriver://me:hunter2@127.0.0.1/runs")
        assert "hunter2" not in str(caught.value)

    def test_the_schema_is_of_another_version(self) -> None:
        import sqlite3

        connect("digits")
        with sqlite3.connect("mlflow.db") as database:
            database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        Path("mlflow.db").rename("old.db")
        with pytest.raises(TrackingError, match="mlflow db upgrade"):
            connect("digits", "sqlite:///old.db")

    def test_old_files_are_not_written_any_more(self) -> None:
        Path("mlruns/0").mkdir(parents=True)
        Path("mlruns/0/meta.yaml").touch()
        with pytest.raises(TrackingError, match="mlflow migrate-filestore"):
            connect("digits")

    def test_mlflow_refuses_the_name(self) -> None:
        with pytest.raises(TrackingError, match="refuses: "):
            connect("")
