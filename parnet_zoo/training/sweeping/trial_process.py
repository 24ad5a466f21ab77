"""The process of one trial: `python -m parnet_zoo.training.sweeping.trial_process`.

Each trial has a process of its own: TensorFlow does not give memory back between two trainings,
seeds are cleaner in a fresh process, and one that the system kills takes no other with it.

It reads one line from standard input, a `TrialJob` in JSON, and writes one line to standard output,
a `TrialEnd`. When its standard input ends, the process that started it is gone: it ends then, too,
as after SIGTERM, with a checkpoint to go on from.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback

from parnet_zoo.errors import ParnetZooError
from parnet_zoo.recipe import load_recipe
from parnet_zoo.tracking.sweep_siblings import SweepSiblings
from parnet_zoo.training.progress import Progress
from parnet_zoo.training.resume import resume
from parnet_zoo.training.run import train
from parnet_zoo.training.sweeping.given_up import GivenUp
from parnet_zoo.training.sweeping.job import TrialEnd, TrialJob
from parnet_zoo.training.trial import TrialOf, TrialPruned
from registry import RegistryError

_INPUT = 0
_USAGE = 2
_INTERRUPTED = 130


def main() -> int:
    """Do the job, and give the exit code."""
    job = TrialJob.model_validate_json(_line())
    threading.Thread(target=_end_with_the_starter, daemon=True).start()
    end = _done(job)
    sys.stdout.write(end.model_dump_json() + "\n")
    sys.stdout.flush()
    return end.code


def _done(job: TrialJob) -> TrialEnd:
    try:
        _train(job)
    except TrialPruned:
        return TrialEnd(code=0)
    except ParnetZooError as error:
        return TrialEnd(code=error.exit_code, error=str(error))
    except RegistryError as error:
        return TrialEnd(code=_USAGE, error=str(error))
    except KeyboardInterrupt as error:
        return TrialEnd(code=int(getattr(error, "exit_code", _INTERRUPTED)), error="interrupted")
    except Exception as error:
        traceback.print_exc()
        return TrialEnd(code=1, error=f"{type(error).__name__}: {error}")
    return TrialEnd(code=0)


def _train(job: TrialJob) -> None:
    trial = _trial(job)
    if job.run_id is not None:
        resume(job.run_id, quiet=job.quiet, trial=trial)
        return
    train(job.recipe, overrides=job.settings, quiet=job.quiet, trial=trial, **job.changes)


def _trial(job: TrialJob) -> TrialOf:
    if not job.prune:
        return TrialOf(job.parent_run_id, job.number)
    epochs = load_recipe(job.recipe, job.settings, **job.changes).recipe.epochs
    stops = GivenUp(
        SweepSiblings(job.parent_run_id, job.number),
        metric=job.metric,
        maximise=job.maximise,
        epochs=epochs,
        progress=Progress(quiet=job.quiet),
    )
    return TrialOf(job.parent_run_id, job.number, stops)


def _line() -> bytes:
    """One line, read from the file itself: nothing may hold a lock on `sys.stdin` at the end."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(_INPUT, 1)
        if not part:
            break
        line += part
    return line


def _end_with_the_starter() -> None:
    while os.read(_INPUT, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
