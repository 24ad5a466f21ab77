"""Which MLflow store will be used."""

import os
import re
import sys
from pathlib import Path
from urllib.request import pathname2url

# An address with the name and password of a user in it. Greedy up to the last "@" before a slash,
# because passwords are not always percent-encoded.
_USER_AND_PASSWORD = re.compile(r"(://[^:/@\s]*):[^/\s]*@")
_TOKEN_AS_USER = re.compile(r"(https?://)[^:/@\s]+@")
_SECRET_PARAMETER = re.compile(
    r"([?&][\w.-]*(?:password|passwd|pwd|token|secret|signature|sig|key)=)[^&\s#'\"]*",
    re.IGNORECASE,
)


def tracking_uri() -> str:
    """The address of the tracking store, decided as MLflow 3.17 decides it.

    That is MLFLOW_TRACKING_URI; where it is not set, the old file store in `./mlruns` if it holds
    experiments, else `mlflow.db` in the current folder. mlflow is not imported for it, but asked
    where the process has imported it already: `mlflow.set_tracking_uri` may have been called.

    Source: `mlflow/tracking/_tracking_service/utils.py`, `get_tracking_uri`.
    """
    imported = sys.modules.get("mlflow.tracking._tracking_service.utils")
    if imported is not None:
        return str(imported.get_tracking_uri())
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return uri
    if _holds_file_store(Path("mlruns")):
        return Path("mlruns").absolute().as_uri()
    return "sqlite:///" + pathname2url(str(Path("mlflow.db").absolute()))


def anchored(uri: str) -> str:
    """The same store by an address that a change of the current folder does not bend."""
    path = uri.removeprefix("sqlite:///")
    if path == uri or not path or path.startswith(("/", ":memory:")) or sys.platform == "win32":
        return uri
    return f"sqlite:///{pathname2url(str(Path.cwd()))}/{path}"


def redact(text: str) -> str:
    """The text with the passwords and tokens of all addresses in it replaced by `***`."""
    text = _USER_AND_PASSWORD.sub(r"\1:***@", text)
    text = _TOKEN_AS_USER.sub(r"\1***@", text)
    return _SECRET_PARAMETER.sub(r"\1***", text)


def _holds_file_store(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return any(
                entry.is_dir()
                and entry.name.isdigit()
                and os.path.lexists(Path(entry.path, "meta.yaml"))
                for entry in found
            )
    except OSError:
        return False
