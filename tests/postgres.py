"""A PostgreSQL cluster of the tests' own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_SECONDS = 120
_UNPRIVILEGED = ("postgres", "nobody")


@contextmanager
def postgres() -> Iterator[str]:
    """Run a fresh cluster inside the `with`; the test is skipped where there is no PostgreSQL.

    It refuses to run as root, so then it runs as a user without rights. Its data are not among
    pytest's folders, which each session closes to others.

    Yields:
        The address of an empty database.
    """
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    user = _user()
    with tempfile.TemporaryDirectory(prefix="parnet-zoo-postgres-") as temporary:
        folder, port = Path(temporary), _free_port()
        if user is not None:
            shutil.chown(folder, user)
        data = ["-D", str(folder / "data")]
        _run(user, [initdb, *data, "-U", "mlflow", "-A", "trust", "-E", "UTF8", "--no-sync"])
        options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -F"
        start = ["-w", "-t", "60", "-l", str(folder / "log"), "-o", options, "start"]
        _run(user, [pg_ctl, *data, *start])
        try:
            # SQLAlchemy 2.1 takes the plain address for one of psycopg 3.
            yield f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run(
                [*_as(user), pg_ctl, *data, "-w", "-m", "immediate", "stop"],
                cwd="/",
                stdout=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=True,
            )


def _program(name: str) -> str:
    """The newest one of the system."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=_version)
    if found:
        return str(found[-1])
    on_path = shutil.which(name)
    if on_path is None:
        pytest.skip(f"no PostgreSQL: {name} is not installed (`make postgres` installs it)")
    return on_path


def _version(program: Path) -> int:
    name = program.parent.parent.name
    return int(name) if name.isdigit() else 0


def _user() -> str | None:
    """The user to run it as, None for the one who runs the tests."""
    if os.name == "nt" or os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in _UNPRIVILEGED if name in names), None)
    if user is None or shutil.which("setpriv") is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no other user to run it as")
    return user


def _as(user: str | None) -> list[str]:
    return [] if user is None else ["setpriv", f"--reuid={user}", "--clear-groups"]


def _run(user: str | None, command: list[str]) -> None:
    """Run a program; a cluster that cannot be had skips the test, and says why."""
    done = subprocess.run(
        [*_as(user), *command],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"PostgreSQL cannot be started: {done.stderr.strip()[-300:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
