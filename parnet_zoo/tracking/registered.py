"""Versions in the model registry."""

from parnet_zoo.tracking.store import open_client, speaking_of
from parnet_zoo.tracking.uri import tracking_uri


def aliased_version(name: str, alias: str) -> str | None:
    """The version that carries the alias, None without one.

    Raises:
        TrackingError: The store does not answer.
    """
    from mlflow.exceptions import MlflowException

    uri = tracking_uri()
    client = open_client(uri)
    with speaking_of(uri):
        try:
            return str(client.get_model_version_by_alias(name, alias).version)
        except MlflowException as error:
            # No such model; no such alias (SQL stores say it as "invalid").
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise


def version_tag(uri: str, tag: str) -> str | None:
    """A tag of the run that made a version; None if there is no such run or tag.

    Args:
        uri: `models:/NAME/VERSION`.
        tag: Name of the tag.

    Raises:
        TrackingError: The store does not answer.
    """
    name, _, version = uri.removeprefix("models:/").rpartition("/")
    store = tracking_uri()
    client = open_client(store)
    with speaking_of(store):
        run_id = client.get_model_version(name, version).run_id
        if not run_id:
            return None
        found = client.get_run(run_id).data.tags.get(tag)
    return None if found is None else str(found)


def version_of_run(name: str, run_id: str) -> int | None:
    """The last version of a registered model that came from a run; None without one.

    Raises:
        TrackingError: The store does not answer.
    """
    uri = tracking_uri()
    client = open_client(uri)
    with speaking_of(uri):
        found = client.search_model_versions(f"name = '{name}' AND run_id = '{run_id}'")
    return max((int(version.version) for version in found), default=None)


def describe_version(name: str, version: int, description: str) -> None:
    """Write a version's description, which MLflow's pages show as Markdown.

    Raises:
        TrackingError: The store does not answer, or has no such version.
    """
    uri = tracking_uri()
    client = open_client(uri)
    with speaking_of(uri):
        client.update_model_version(name, str(version), description)
