"""The spec of a converted network, written beside its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parnet_zoo.networks.checkpoints.conversion import Conversion
    from parnet_zoo.networks.checkpoints.convert import ConversionJob


def spec_beside(job: ConversionJob, *, force: bool) -> Path | None:
    """The file for a job's spec: its target's name, ending in `.yaml`.

    Returns:
        None where the network is a registered one, which needs no file.

    Raises:
        UsageError: It exists and is not to be replaced, or is the checkpoint.
    """
    from parnet_zoo.networks.checkpoints.check_target import check_target
    from parnet_zoo.networks.checkpoints.convert import SUFFIXES

    if job.registered:
        return None
    name = job.target.name
    suffix = next(suffix for suffix in SUFFIXES if name.endswith(suffix))
    path = job.target.with_name(name.removesuffix(suffix) + ".yaml")
    check_target(path, job.source, force=force)
    return path


def run_with_spec(job: ConversionJob, path: Path | None) -> Conversion:
    """Run a job and write its spec; where one of the two files cannot be, there is no spec.

    Raises:
        CheckpointError: See `ConversionJob.run`, or the spec cannot be written.
        SpecError: The network would not fit in memory.
    """
    from parnet_zoo.networks.checkpoints.whole_file import whole_file
    from parnet_zoo.recipe.spec_file import dump_spec

    if path is None:
        return job.run()
    with whole_file(path, ".yaml") as unfinished:
        unfinished.write_text(dump_spec(job.spec), encoding="utf-8")
        done = job.run()
    return done.model_copy(update={"spec_file": path})
