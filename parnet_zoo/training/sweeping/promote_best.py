"""The best trial's network as a registered version that may become champion."""

from __future__ import annotations

from parnet_zoo.errors import UsageError
from parnet_zoo.training.promote import Promotion, promote
from parnet_zoo.training.sweep_result import TrialResult


def promote_best(best: TrialResult, name: str, *, quiet: bool) -> Promotion:
    """Register it, and have it measured against the champion, as `parnet-zoo promote` does.

    Doing it again makes no second version.

    Args:
        best: A finished trial.
        name: Of the registered model.
        quiet: Show nothing but warnings.

    Raises:
        UsageError: Its network is not in MLflow any more.
        TrackingError: The store does not answer.
        DataError: The images have changed.
    """
    from parnet_zoo.serving.version import register_model

    if best.model_uri is None:
        raise UsageError(f"trial {best.number} has no network in MLflow to promote")
    return promote(register_model(best.model_uri, name).model_uri, quiet=quiet)
