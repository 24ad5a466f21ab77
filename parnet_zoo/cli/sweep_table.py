"""A sweep's trials for a person to read."""

from __future__ import annotations

from parnet_zoo.recipe.yaml_text import yaml_value
from parnet_zoo.training.spoken_time import spoken_time
from parnet_zoo.training.sweep_result import SweepResult, TrialResult

_WIDEST = 28


def sweep_table(result: SweepResult) -> str:
    """One line a trial, the best marked, and what to type next."""
    fields = list(dict.fromkeys(field for trial in result.trials for field in trial.values))
    head = ["", "trial", *(field.rpartition(".")[2] for field in fields), result.metric]
    head += ["epoch", "time", "state"]
    rows = [head, *(_row(trial, fields, result.best) for trial in result.trials)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(["", *lines, "", *_end(result)])


def _row(trial: TrialResult, fields: list[str], best: TrialResult | None) -> list[str]:
    values = [yaml_value(trial.values[f]) if f in trial.values else "" for f in fields]
    epoch = trial.metrics.get("best_epoch")
    return [
        "*" if best is not None and trial.number == best.number else "",
        str(trial.number),
        *(value if len(value) <= _WIDEST else f"{value[: _WIDEST - 3]}..." for value in values),
        "" if trial.value is None else f"{trial.value:.4f}",
        "" if epoch is None else f"{epoch:.0f}",
        "" if trial.seconds is None else spoken_time(trial.seconds),
        trial.state,
    ]


def _end(result: SweepResult) -> list[str]:
    best, promotion = result.best, result.promotion
    if best is None:
        return [f"sweep     {result.run_id}: no trial finished"]
    lines = [f"sweep     {result.run_id}", f"best      trial {best.number}, run {best.run_id}"]
    if promotion is None:
        again = f"parnet-zoo sweep --resume {result.run_id} --promote"
        return [*lines, "to register and promote the best:", f"  {again}"]
    alias = f", alias {promotion.alias}" if promotion.alias else ""
    return [*lines, f"version   {promotion.model_uri}{alias}: {promotion.reason}"]
