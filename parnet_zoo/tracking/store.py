"""The tracking store that will be used, and the door to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.quiet import quiet
from parnet_zoo.tracking.reach import check_reachable
from parnet_zoo.tracking.uri import redact, tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

# Without it, MLflow's pages open an experiment as one about language models.
_KIND = {"mlflow.experimentKind": "custom_model_development"}
# MLflow itself locks only some of the ways in, so two processes that create one database can still
# meet: one of them then sees a half-made schema for about a second.
_CREATION_TRIES = 6
_CREATION_PAUSE_SECONDS = 0.5


def describe_store() -> str:
    """The tracking URI as it will be used, passwords not shown. Does not import mlflow."""
    return redact(tracking_uri())


def connect(experiment: str, uri: str | None = None) -> str:
    """Find the experiment, or create it.

    A deleted experiment is not brought back silently: its owner threw it away.

    Args:
        experiment: Name of the experiment.
        uri: Tracking URI; `tracking_uri()` if not given.

    Returns:
        The experiment's id.

    Raises:
        TrackingError: The store does not answer (said within seconds), or refuses the name, or the
            experiment was deleted.
    """
    uri = uri or tracking_uri()
    client = open_client(uri)
    with speaking_of(uri):
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return _create(client, experiment)
    if found.lifecycle_stage == "deleted":
        raise TrackingError(
            f"experiment '{experiment}' was deleted in {redact(uri)}: bring it back with "
            f"`mlflow experiments restore --experiment-id {found.experiment_id}`, or use another "
            "name (--set tracking.experiment=NAME)"
        )
    return str(found.experiment_id)


def open_client(uri: str | None = None) -> "MlflowClient":
    """A client of the store, after one check that it answers. Creates a SQLite store if need be.

    Raises:
        TrackingError: The store does not answer.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    uri = uri or tracking_uri()
    with quiet():
        check_reachable(uri)
        for left in reversed(range(_CREATION_TRIES)):
            try:
                _create_tables(uri)
                return MlflowClient(tracking_uri=uri)
            except (MlflowException, SQLAlchemyError) as error:
                if left == 0 or not uri.startswith("sqlite:"):
                    raise _in_words(error, uri) from error
                time.sleep(_CREATION_PAUSE_SECONDS)
    raise AssertionError  # the loop returns or raises


def missing_database(uri: str) -> Path | None:
    """The file of a SQLite store that does not exist yet; None where it does, or for other stores.

    For those who only read: MLflow would make an empty one and look into that.
    """
    if not uri.startswith("sqlite:"):
        return None
    from sqlalchemy import make_url

    # Not cut out of the address: a path in it is percent-encoded, and settings may follow.
    path = make_url(uri).database
    if not path or path == ":memory:" or Path(path).exists():
        return None
    return Path(path).absolute()


@contextmanager
def speaking_of(uri: str) -> Iterator[None]:
    """Quiet MLflow inside the `with`, and turn its exceptions into one sentence for the user.

    Raises:
        TrackingError: MLflow raised.
    """
    from mlflow.exceptions import MlflowException

    with quiet():
        try:
            yield
        except MlflowException as error:
            raise _in_words(error, uri) from error


def _create(client: "MlflowClient", experiment: str) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(experiment, tags=_KIND))
    except MlflowException as error:
        # Another process was faster by a moment.
        found = client.get_experiment_by_name(experiment)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
            raise
        return str(found.experiment_id)


def _create_tables(uri: str) -> None:
    """Create a SQLite store under MLflow's own lock, which its client does not take."""
    if not uri.startswith("sqlite:"):
        return
    from mlflow.store.db import utils

    engine = utils.create_sqlalchemy_engine(uri)
    try:
        utils._safe_initialize_tables(engine)  # the server's way in; there is no public one
    finally:
        engine.dispose()


def _in_words(error: Exception, uri: str) -> TrackingError:
    reason = redact(" ".join(str(error).split()))[:500]
    return TrackingError(f"the tracking store {redact(uri)} refuses: {reason}")
