"""The champion before, champion again."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from parnet_zoo.errors import ParnetZooError, TrackingError
from parnet_zoo.serving.load import load
from parnet_zoo.tracking.rollback import roll_back


class Rollback(BaseModel):
    """What a rollback did.

    Attributes:
        name: Registered model.
        model_uri: `models:/NAME/VERSION` of the version that is champion again.
        champion: Its number.
        previous: The version that the next rollback would go to; None if there is none.
        rolled_back: The version that was champion; None where that had been deleted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    name: str
    model_uri: str
    champion: int
    previous: int | None
    rolled_back: int | None


def rollback(name: str) -> Rollback:
    """Make the version with the alias `previous` champion again.

    The version that was champion keeps no alias: it was found wanting, so it is no candidate
    either. `previous` goes on to the champion before, so that a second rollback goes further back.

    Args:
        name: The registered model; `models:/NAME` is taken too.

    Raises:
        TrackingError: The store does not answer, there is no such model or nothing to go back to,
            or that version cannot be loaded.
    """
    name = name.removeprefix("models:/").rstrip("/")

    def check(version: str) -> None:
        uri = f"models:/{name}/{version}"
        try:
            load(uri)
        except ParnetZooError as error:
            raise TrackingError(
                f"{uri} cannot be champion again, since it cannot be loaded: {error}; make another"
                f" version champion: parnet-zoo promote models:/{name}/VERSION --force"
            ) from error

    done = roll_back(name, check)
    return Rollback(
        name=name,
        model_uri=f"models:/{name}/{done.champion}",
        champion=int(done.champion),
        previous=None if done.previous is None else int(done.previous),
        rolled_back=None if done.rolled_back is None else int(done.rolled_back),
    )
