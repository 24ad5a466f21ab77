"""One registered model, as promotions see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.aliases import Aliases
from parnet_zoo.tracking.promotion_record import HISTORY, PREFIX
from parnet_zoo.tracking.store import missing_database, open_client, speaking_of
from parnet_zoo.tracking.uri import redact, tracking_uri

_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_REMEMBERED = 100
"""Champions before this one."""


class RegistryDoor:
    """Reads and writes the aliases of a registered model, and the tags of its versions.

    All methods raise TrackingError where the store does not answer or refuses.

    Args:
        name: The registered model.

    Raises:
        TrackingError: There is no store, or it does not answer.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.uri = tracking_uri()
        if database := missing_database(self.uri):
            raise TrackingError(
                f"there is no MLflow store {database}; go to the folder where the training ran, or"
                " set MLFLOW_TRACKING_URI"
            )
        self.client = open_client(self.uri)

    def aliases(self) -> Aliases:
        """All aliases as they are now."""
        from mlflow.exceptions import MlflowException

        with speaking_of(self.uri):
            try:
                found = self.client.get_registered_model(self.name).aliases or {}
            except MlflowException as error:
                if error.error_code not in _MISSING:
                    raise
                raise TrackingError(
                    f"there is no registered model '{self.name}' in {redact(self.uri)}"
                ) from error
        aliases = {str(alias): str(version) for alias, version in found.items()}
        living = {version for version in set(aliases.values()) if self.has(version)}
        return Aliases(
            living={alias: version for alias, version in aliases.items() if version in living},
            dead={alias: version for alias, version in aliases.items() if version not in living},
        )

    def has(self, version: str) -> bool:
        """Whether there is such a version."""
        return self._version(version) is not None

    def move(self, alias: str, version: str) -> None:
        """Give an alias to a version."""
        with speaking_of(self.uri):
            self.client.set_registered_model_alias(self.name, alias, version)

    def remove(self, alias: str) -> None:
        """Take an alias away."""
        with speaking_of(self.uri):
            self.client.delete_registered_model_alias(self.name, alias)

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Write a decision on a version; the tags of an earlier one go, but not the history."""
        found = self._version(version)
        before = found.tags or {} if found is not None else {}
        with speaking_of(self.uri):
            for tag in before:
                if tag.startswith(PREFIX) and tag != HISTORY and tag not in tags:
                    self.client.delete_model_version_tag(self.name, version, tag)
            for tag, value in tags.items():
                self.client.set_model_version_tag(self.name, version, tag, value)

    def history(self, version: str) -> list[str]:
        """The champions before a version became champion, the last one first."""
        found = self._version(version)
        text = (found.tags or {}).get(HISTORY, "") if found is not None else ""
        # Anybody may write tags.
        return [part for part in text.split(",") if part.isascii() and part.isdigit()][:_REMEMBERED]

    def write_history(self, version: str, champions: Iterable[str]) -> None:
        """Note the champions before a version."""
        text = ",".join(list(champions)[:_REMEMBERED])
        with speaking_of(self.uri):
            self.client.set_model_version_tag(self.name, version, HISTORY, text)

    def _version(self, version: str) -> Any:
        from mlflow.exceptions import MlflowException

        with speaking_of(self.uri):
            try:
                return self.client.get_model_version(self.name, version)
            except MlflowException as error:
                if error.error_code not in _MISSING:
                    raise
                return None
