"""A trial's process, from its start to its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from parnet_zoo.tracking.sweep_workers import BEAT_SECONDS
from parnet_zoo.tracking.uri import anchored, tracking_uri
from parnet_zoo.training.sweeping.job import TrialEnd, TrialJob

_MODULE = "parnet_zoo.training.sweeping.trial_process"


def run_trial(job: TrialJob, folder: Path, alive: Callable[[], None]) -> TrialEnd:
    """Train a trial in a process of its own, and wait for its end.

    Args:
        job: The trial.
        folder: Where it works: that of the first start, where it is gone on with.
        alive: Called now and then meanwhile.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM, which the trial has got, too; it has ended.
    """
    with tempfile.TemporaryFile() as answer:
        # In a session of its own, since it must get Ctrl-C once: by `_interrupt`. With -P no file
        # of the folder it works in takes the place of a module.
        process = subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, "-P", "-m", _MODULE],
            cwd=folder,
            env={**os.environ, "MLFLOW_TRACKING_URI": anchored(tracking_uri())},
            stdin=subprocess.PIPE,
            stdout=answer,
            start_new_session=True,
        )
        try:
            _tell(process, job)
            _wait(process, alive)
        except BaseException as error:
            _interrupt(process, error)
            raise
        finally:
            if process.stdin is not None:
                process.stdin.close()
        return _end(process, answer)


def _tell(process: subprocess.Popen[bytes], job: TrialJob) -> None:
    if process.stdin is None:
        raise AssertionError  # it was asked for
    try:
        process.stdin.write(job.model_dump_json().encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:  # it has died already; its exit code says how
        pass


def _wait(process: subprocess.Popen[bytes], alive: Callable[[], None]) -> None:
    while True:
        try:
            process.wait(BEAT_SECONDS)
        except subprocess.TimeoutExpired:
            alive()
        else:
            return


def _interrupt(process: subprocess.Popen[bytes], error: BaseException) -> None:
    """Have the trial end with a checkpoint; whoever asks twice does not want to wait for one."""
    number = int(getattr(error, "signal_number", signal.SIGINT))
    while process.poll() is None:
        try:
            process.send_signal(number)
            process.wait()
        except KeyboardInterrupt:
            continue


def _end(process: subprocess.Popen[bytes], answer: IO[bytes]) -> TrialEnd:
    """What it answered, or what became of it."""
    code = process.returncode
    answer.seek(0)
    lines = answer.read().splitlines()
    try:
        return TrialEnd.model_validate_json(lines[-1]).model_copy(update={"code": code})
    except (IndexError, ValidationError):
        pass
    if code >= 0:
        return TrialEnd(code=code or 1, error=f"its process ended with exit code {code}")
    name = signal.Signals(-code).name
    why = ", as happens when memory runs out" if name == "SIGKILL" else ""
    return TrialEnd(code=code, error=f"its process was killed by {name}{why}")
