"""Does the tracking store answer?"""

import os
import socket
from pathlib import Path
from typing import Any

from parnet_zoo.errors import StoreAwayError, TrackingError
from parnet_zoo.tracking.quiet import quiet
from parnet_zoo.tracking.uri import redact

_FIRST_EXPERIMENT = "/api/2.0/mlflow/experiments/search"
_DATABRICKS = ("databricks", "databricks-uc", "uc")
_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
_CAUSES = (
    ("Connection refused", "connection refused"),
    ("NameResolutionError", "the host name is unknown"),
    ("ConnectTimeout", "no answer in time"),
    ("ReadTimeout", "no answer in time"),
    ("timed out", "no answer in time"),
    ("SSLError", "its TLS certificate is not accepted; see MLFLOW_TRACKING_SERVER_CERT_PATH"),
    ("Connection aborted", "the connection broke"),
)


def check_reachable(uri: str, seconds: float = 5.0, *, advice: bool = True) -> None:
    """Ask the store, without MLflow's retries, which go on for minutes.

    Args:
        uri: Tracking URI.
        seconds: How long to wait for a connection, and again for the answer.
        advice: Whether to say what can be done about a server that does not answer.

    Raises:
        TrackingError: The store does not answer, or not as an MLflow store.
    """
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    with quiet():
        if scheme in ("http", "https"):
            _check_server(uri, seconds, advice=advice)
        elif scheme in (*_DATABASE_PORTS, "sqlite"):
            _check_database(uri, seconds)
        elif scheme == "file" or (":" not in uri and scheme not in _DATABRICKS):
            _check_file_store(uri)
    # Other schemes come from plugins and clouds: only MLflow itself knows how to ask them.


def _check_server(uri: str, seconds: float, *, advice: bool) -> None:
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        answer = http_request(
            get_default_host_creds(uri),
            _FIRST_EXPERIMENT,
            "GET",
            params={"max_results": 1},
            # Once more, as a connection that is kept open may just have been closed.
            max_retries=1,
            backoff_factor=0,
            backoff_jitter=0,
            timeout=seconds,
            raise_on_status=False,
        )
    except MlflowException as error:
        hint = ": start it, or set MLFLOW_TRACKING_URI to another store" if advice else ""
        raise StoreAwayError(
            f"the MLflow server at {redact(uri)} does not answer ({_cause(error)}){hint}"
        ) from error
    _judge(answer, uri)


def _judge(answer: Any, uri: str) -> None:
    """Raise unless the HTTP answer is that of a working MLflow server."""
    status = answer.status_code
    if status in (401, 403):
        raise TrackingError(
            f"the MLflow server at {redact(uri)} refuses this user (HTTP {status}): set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if status >= 500 or status == 429:  # noqa: PLR2004  # HTTP's own numbers
        raise StoreAwayError(
            f"the MLflow server at {redact(uri)} is in trouble (HTTP {status}): {_text(answer)}"
        )
    if status != 200 or not answer.text.lstrip().startswith("{"):  # noqa: PLR2004  # HTTP's OK
        raise TrackingError(
            f"{redact(uri)} answers, but not as an MLflow server (HTTP {status}): "
            "check MLFLOW_TRACKING_URI"
        )


def _check_database(uri: str, seconds: float) -> None:
    from mlflow.store.db.utils import create_sqlalchemy_engine

    try:
        engine = create_sqlalchemy_engine(uri)
        if engine.url.host:
            port = engine.url.port or _DATABASE_PORTS[engine.dialect.name]
            socket.create_connection((engine.url.host, port), timeout=seconds).close()
        elif engine.dialect.name == "sqlite" and engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        with engine.connect() as connection:
            # `SELECT 1` would not open a SQLite file.
            sqlite = engine.dialect.name == "sqlite"
            connection.exec_driver_sql("PRAGMA schema_version" if sqlite else "SELECT 1")
        engine.dispose()
    except Exception as error:  # a driver's own exceptions, ImportError of a missing driver
        raise StoreAwayError(
            f"the tracking database {redact(uri)} cannot be opened ({_cause(error)})"
        ) from error


def _check_file_store(uri: str) -> None:
    allowed = os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower()
    if allowed not in ("true", "1"):
        raise TrackingError(
            f"{redact(uri)} holds runs in MLflow's old file format, which MLflow no longer writes: "
            "migrate them with `mlflow migrate-filestore`, move the folder away, set "
            "MLFLOW_TRACKING_URI to another store, or set MLFLOW_ALLOW_FILE_STORE=true"
        )


def _cause(error: BaseException) -> str:
    """The reason in a few words."""
    text = str(error)
    for sign, words in _CAUSES:
        if sign in text:
            return words
    original = getattr(error, "orig", None) or error
    return redact(" ".join(str(original).split()))[:200]


def _text(answer: Any) -> str:
    return redact(" ".join(answer.text.split()))[:200] or "no explanation"
