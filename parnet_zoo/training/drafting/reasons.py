"""Why a recipe has this network, so many epochs and batches of this size, in numbers."""

from __future__ import annotations

import math

from parnet_zoo.training.drafting.network import LARGEST, Fitting, Option
from parnet_zoo.training.drafting.task import Task
from parnet_zoo.training.spoken_time import spoken_time


def epochs_reason(task: Task) -> str:
    """Why so many epochs."""
    fitted, each = task.fitted, task.fitted.epoch_seconds
    if each is None:
        return (
            f"{fitted.epochs} would be good for {task.pictures.train:,} training pictures; how many"
            " fit into the time shows with the first steps, and `time` below decides"
        )
    one = f"one takes about {spoken_time(each)} here"
    if not fitted.epochs:
        return f"{one}: not even one fits into {task.budget}; this is the smallest that can be done"
    if fitted.epochs < task.wanted:
        return f"as many as fit into {task.budget}: {one}; {task.wanted} would be better"
    return (
        f"{task.pictures.train:,} training pictures are seen {fitted.epochs} times each; more would"
        f" bring little, though they would fit into {task.budget} ({one})"
    )


def clock_reason(task: Task) -> str:
    """Why the clock decides."""
    return (
        f"how fast the GPU is cannot be told before: as many epochs as fit into {task.budget} take"
        " the place of `epochs`; without this line it is that many"
    )


def batch_reason(task: Task) -> str:
    """Why batches of this size."""
    steps = math.ceil(task.pictures.train / task.fitted.batch_size)
    left = task.machine.memory.available
    text = (
        f"{steps:,} steps an epoch; takes about {task.fitted.memory / 1e9:.1f} GB of the"
        f" {left / 1e9:.1f} GB of memory that {task.machine.memory.owner} has left"
    )
    return text if task.fitted.fits_memory else f"{text}: too much, and nothing smaller is of use"


def model_reasons(task: Task) -> dict[str, str]:
    """Why this network, by the fields of the recipe's section."""
    return _start_reasons(task) if task.fitting is None else _fit_reasons(task, task.fitting)


def _start_reasons(task: Task) -> dict[str, str]:
    return {
        "resolution": "as the version was trained: what it knows, it knows at this size",
        "weights": task.start.why,
    }


def _fit_reasons(task: Task, fitting: Fitting) -> dict[str, str]:
    best = fitting.best
    network = _network_reason(task, fitting)
    reasons = {"name": network, "resolution": _resolution_reason(task, fitting)}
    if best.stem == "small":
        reasons["scaling"] = (
            f"the small stem keeps the image's size: half of the pictures have at most"
            f" {task.pictures.short_side} px on the short side"
        )
    return reasons


def _network_reason(task: Task, fitting: Fitting) -> str:
    best = fitting.best
    what = best.name if best.width == 1 else f"{best.name} at {best.width:g} of its width"
    if fitting.wider is None:
        return (
            f"{what}: {task.pictures.train:,} training pictures would be learnt by heart by a wider"
            " one"
        )
    balance = "would be worth its time with larger images only"
    return f"{what}: {_less(fitting.wider, 'one step wider', balance, task)}"


def _resolution_reason(task: Task, fitting: Fitting) -> str:
    pictures, best = task.pictures, fitting.best
    sizes = f"half of the pictures have at least {pictures.short_side} px on the short side"
    if fitting.sharper is None:
        if best.resolution == LARGEST:
            return f"{sizes}; {LARGEST} px is what the network was published at"
        if best.resolution > task.pictures.short_side:
            return f"{sizes}; in smaller images too little would be left for the last stage"
        return f"{sizes}, and the network takes multiples of {best.stride}"
    larger = f"at {fitting.sharper.resolution} px"
    return f"{sizes}; {_less(fitting.sharper, larger, 'a wider network is worth more', task)}"


def _less(option: Option, where: str, balance: str, task: Task) -> str:
    """What speaks against the next larger option."""
    fitted = option.fitted
    if not fitted.fits_memory:
        return f"{where} it takes {fitted.memory / 1e9:.1f} GB of memory, more than there is"
    if fitted.epoch_seconds is not None and fitted.epochs < task.wanted:
        count = "1 epoch fits" if fitted.epochs == 1 else f"only {fitted.epochs} epochs fit"
        return f"{where} {count} into {task.budget}"
    return f"{where} {balance}"
