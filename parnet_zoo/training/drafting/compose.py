"""A whole recipe from what the pictures, the machine and the time allow."""

from __future__ import annotations

import math
from typing import Any

from parnet_zoo.training.drafting.augmentation import choose_augmentation
from parnet_zoo.training.drafting.draft import Draft
from parnet_zoo.training.drafting.reasons import (
    batch_reason,
    clock_reason,
    epochs_reason,
    model_reasons,
)
from parnet_zoo.training.drafting.task import Task

UNBALANCED = 1.5
"""Quotient of the largest and the smallest class from which on classes are weighted."""
FEWEST_STEPS_OF_AVERAGE = 200
_AVERAGED = 50
"""The average looks back over a fiftieth of the training's steps."""
_PATIENT_EPOCHS = 12
_ENOUGH_FOR_THE_HEAD = 3


def compose(task: Task) -> Draft:
    """Choose every field that is not left at its default, with its reason."""
    draft = Draft()
    draft.choose("name", task.name)
    draft.choose("epochs", task.epochs, epochs_reason(task))
    if task.machine.gpu:
        draft.choose("time", task.budget, clock_reason(task))
    draft.choose("batch_size", task.fitted.batch_size, batch_reason(task))
    if task.fitted.precision != "auto":
        slow = "on a network this small, bfloat16 costs more than it saves"
        draft.choose("precision", task.fitted.precision, slow)
    _model(draft, task)
    _data(draft, task)
    choose_augmentation(draft, task.pictures, task.epochs, task.fitted.batch_size)
    _progressive(draft, task)
    _optimizer(draft, task)
    _regularisation(draft, task)
    draft.choose(
        "register.promote",
        "if_better",
        "a later version becomes champion if it beats the old one on the validation pictures",
    )
    return draft


def _model(draft: Draft, task: Task) -> None:
    reasons = model_reasons(task)
    for key, value in task.fitted.model.items():
        draft.choose(f"model.{key}", value, reasons.get(key, ""))
    if task.start.uri is None:
        draft.choose("model.weights", None, task.start.why)


def _data(draft: Draft, task: Task) -> None:
    draft.choose("data.root", task.root)
    draft.choose("data.validation", task.splits.validation, task.splits.why_validation)
    draft.choose("data.test", task.splits.test, task.splits.why_test)
    kept = task.start.data()
    for key, value in kept.items():
        draft.choose(f"data.{key}", value, "as the version was trained" if value else "")
    if not kept and task.pictures.grey:
        unit = "the pictures are grey: ImageNet's mean of each colour says nothing about them"
        draft.choose("data.normalization", "unit", unit)


def _progressive(draft: Draft, task: Task) -> None:
    stages = task.fitted.progressive
    if stages and task.epochs > 1:
        side = stages[0]["resolution"]
        draft.choose(
            "progressive",
            stages,
            f"the first half at {side} px: faster, so that more epochs fit, and the network has"
            " seen things of several sizes",
        )


def _optimizer(draft: Draft, task: Task) -> None:
    going_on = task.start.uri is not None
    rate = (3e-4 if going_on else 1e-3) * math.sqrt(task.fitted.batch_size / 32)
    why = (
        "lower than for random weights, so that what is known stays"
        if going_on
        else "for AdamW and batches of this size"
    )
    draft.choose("optimizer.name", "adamw")
    draft.choose("optimizer.learning_rate", float(f"{rate:.2g}"), why)
    draft.choose("optimizer.weight_decay", 0.05)
    if going_on:
        layers = "the first stages know what all pictures have in common, and move least"
        draft.choose("optimizer.layer_decay", 0.8, layers)
    draft.choose("schedule.name", "cosine")
    draft.choose("schedule.warmup_epochs", 0.5, "below 1, so that `--epochs 1` fits too")
    if going_on and task.epochs > _ENOUGH_FOR_THE_HEAD:
        head = "the new head alone first: at random it would only disturb the rest"
        draft.choose("schedule.head_epochs", 1, head)


def _regularisation(draft: Draft, task: Task) -> None:
    smoothing = "labels are sometimes wrong, and a network should not be too sure"
    draft.choose("label_smoothing", 0.1, smoothing)
    counts = task.pictures.counts
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if counts[most] >= UNBALANCED * counts[least]:
        unbalanced = f"{most} has {counts[most]:,} training pictures, {least} has {counts[least]:,}"
        draft.choose("class_weights", "balanced", f"{unbalanced}: all classes count alike")
    if task.steps >= FEWEST_STEPS_OF_AVERAGE:
        span = max(20, task.steps // _AVERAGED)
        decay = round(1 - 1 / span, 5)
        average = (
            f"an average over about {span:,} of {task.steps:,} steps is less noisy than the last"
        )
        draft.choose("ema", decay, average)
    if task.epochs >= _PATIENT_EPOCHS:
        stop: dict[str, Any] = {"monitor": "val_loss", "patience": max(5, task.epochs // 3)}
        for key, value in stop.items():
            idle = f"{value} epochs without any gain: the rest would bring none"
            draft.choose(f"early_stopping.{key}", value, idle if key == "patience" else "")
