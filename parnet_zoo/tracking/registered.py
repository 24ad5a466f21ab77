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


def champion_uri(name: str) -> str | None:
    """`models:/NAME/VERSION` of the champion, None without one.

    The version is named, not the alias: it stays the same model while somebody promotes another.

    Raises:
        TrackingError: The store does not answer.
    """
    version = aliased_version(name, "champion")
    return None if version is None else f"models:/{name}/{version}"


def latest_version(name: str) -> str | None:
    """The newest version of a registered model, None without one.

    Raises:
        TrackingError: The store does not answer.
    """
    uri = tracking_uri()
    client = open_client(uri)
    quote = '"' if "'" in name else "'"
    with speaking_of(uri):
        found = client.search_model_versions(
            f"name = {quote}{name}{quote}", max_results=1, order_by=["version_number DESC"]
        )
        return str(found[0].version) if found else None
