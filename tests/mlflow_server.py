"""A real MLflow server for tests, which can be killed and started again."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.reach import check_reachable


class Server:
    """An `mlflow server` on a port of its own.

    Args:
        folder: For its artifacts, its log and its database.
        database: Another database, as an address.
    """

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self._folder = folder
        self._database = database or f"sqlite:///{folder}/mlflow.db"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--backend-store-uri", self._database]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + 120
        while True:
            try:
                return check_reachable(self.uri)
            except TrackingError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def kill(self) -> None:
        """kill -9 for the server and all its workers."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def coming_and_going(self, seed: int, times: int = 6) -> Iterator[list[int]]:
        """Kill it so often inside the `with`, and start it again; at the end it is there.

        Yields:
            A list that grows with each kill.
        """
        dice = random.Random(seed)  # noqa: S311 - it only picks moments
        enough = threading.Event()
        kills: list[int] = []

        def flip() -> None:
            while len(kills) < times and not enough.wait(dice.uniform(0.5, 5.0)):
                self.kill()
                kills.append(len(kills))
                enough.wait(dice.uniform(0.1, 2.0))
                self.start()

        thread = threading.Thread(target=flip)
        thread.start()
        try:
            yield kills
        finally:
            enough.set()
            thread.join()
