"""One promotion at a time: what MLflow has no lock for."""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from parnet_zoo.errors import TrackingError
from parnet_zoo.tracking.environment import environment_variable
from parnet_zoo.tracking.process import Host, is_gone, process_identity
from parnet_zoo.tracking.store import open_client, speaking_of
from parnet_zoo.tracking.uri import tracking_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

LEASE_SECONDS = 90.0
"""A claim that somebody has watched for so long without an end has lost its owner."""
WORK_SECONDS = 30.0
"""So long after it claimed, an owner begins its last request. One request, tried twice, takes at
most twice `_REQUEST_SECONDS`, so that all of them are over before the lease is."""
WAIT_SECONDS = 300.0
"""For others to be done."""
TOKEN_TAG = "parnet_zoo.claim.token"  # noqa: S105  # a tag's name
HOST_TAG = "parnet_zoo.claim.host"
PROCESS_TAG = "parnet_zoo.claim.process"
_PREFIX = "parnet-zoo promotion of "
_NAME_CHARACTERS = 120
_GONE, _TAKEN = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
_REQUEST_SECONDS = 20
_PAUSE_SECONDS = (0.02, 0.12)
# Between looking at a dead claim and moving it away; a slower process looks again.
_LOOK_SECONDS = 1.0
# So long the name of a claim that was moved away stays taken, for others that also saw it dead.
_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Claim:
    """The right to move a registered model's aliases.

    Attributes:
        began: When it was asked for, by the monotonic clock.
    """

    began: float

    def check(self) -> None:
        """To be called before each write.

        Raises:
            TrackingError: It is too late to begin one: others may take the claim for a dead one's.
        """
        if time.monotonic() - self.began > WORK_SECONDS:
            raise TrackingError(
                f"the promotion took more than {WORK_SECONDS:.0f} seconds, so slowly does the store"
                " answer, and was given up; look at the aliases, and try again"
            )


def claim_name(name: str) -> str:
    """The registered model that stands for the claim on another one."""
    if len(name) > _NAME_CHARACTERS:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = f"{name[:_NAME_CHARACTERS]} {digest}"
    return _PREFIX + name


@contextmanager
def promotion_claim(name: str) -> Iterator[Claim]:
    """Keep all other promotions of a registered model out for as long as the `with` lasts.

    MLflow moves aliases unconditionally, but creates a registered model of one name only once. So
    the claim is a registered model without versions, `parnet-zoo promotion of NAME`, which exists
    for the moment in which aliases are moved and is deleted afterwards.

    The claim of a process that died is recognised by its tags on the same host, and elsewhere when
    it has been watched for `LEASE_SECONDS`: no clocks are compared. It is moved to a name that
    contains its token, which only one process can do and nobody can do to a later claim by
    mistake, and then deleted.

    Args:
        name: The registered model whose aliases are to be moved.

    Raises:
        TrackingError: The store does not answer, or others are not done in `WAIT_SECONDS`.
    """
    uri = tracking_uri()
    desk = _Desk(open_client(uri), uri, name)
    # A request that MLflow repeats for minutes could move an alias long after the lease has ended.
    with (
        environment_variable("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1"),
        environment_variable("MLFLOW_HTTP_REQUEST_TIMEOUT", str(_REQUEST_SECONDS)),
    ):
        claim = desk.take()
        try:
            yield claim
        finally:
            desk.give_back(claim)


class _Desk:
    """Where the claims on one registered model are taken and given back."""

    def __init__(self, client: MlflowClient, uri: str, name: str) -> None:
        self._client = client
        self._uri = uri
        self._model = name
        self._name = claim_name(name)
        self._token = uuid4().hex
        self._watched = ("", 0.0)

    def take(self) -> Claim:
        """Wait for the claim."""
        start = began = time.monotonic()
        while not self._create():
            other = self._look()
            if other is not None and other.tags.get(TOKEN_TAG) == self._token:
                break  # it was created, and only the answer was lost
            if other is not None and self._is_dead(other):
                self._clear_away(other)
            elif time.monotonic() - start > WAIT_SECONDS:
                raise TrackingError(
                    f"others have been promoting versions of '{self._model}' for"
                    f" {WAIT_SECONDS:.0f} seconds; try again later"
                )
            elif other is not None:
                time.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311  # no secret
            began = time.monotonic()
        return Claim(began)

    def give_back(self, claim: Claim) -> None:
        """Delete the claim, unless it has become another's."""
        if time.monotonic() - claim.began > LEASE_SECONDS:
            return  # this process was stopped for long: whose claim that is now, nobody can say
        with speaking_of(self._uri):
            self._delete(self._name)
            self._sweep()

    def _create(self) -> bool:
        from mlflow.exceptions import MlflowException

        tags = {
            TOKEN_TAG: self._token,
            HOST_TAG: str(Host.here()),
            PROCESS_TAG: process_identity(os.getpid()) or str(os.getpid()),
        }
        with speaking_of(self._uri):
            try:
                self._client.create_registered_model(
                    self._name,
                    tags=tags,
                    description=f"A version of {self._model} is being promoted. This is no model,"
                    " and goes away by itself.",
                )
            except MlflowException as error:
                # Gone: another's was deleted while MLflow looked for what is there.
                if error.error_code in (_TAKEN, _GONE):
                    return False
                raise
        return True

    def _look(self) -> RegisteredModel | None:
        """The claim that is there; None if it has just gone."""
        with speaking_of(self._uri):
            return self._unless_gone(self._client.get_registered_model, self._name)

    def _is_dead(self, other: RegisteredModel) -> bool:
        token, since = self._watched
        now = time.monotonic()
        if other.tags.get(TOKEN_TAG, "") != token or not since:
            self._watched = (other.tags.get(TOKEN_TAG, ""), now)
            since = now
        host = Host.parse(other.tags.get(HOST_TAG, ""))
        here = Host.here()
        if host is not None and here.restarted_since(host):
            return True
        if host == here and is_gone(other.tags.get(PROCESS_TAG, "")):
            return True
        return now - since > LEASE_SECONDS

    def _clear_away(self, other: RegisteredModel) -> None:
        """Free the name of a dead claim, if it is still that one."""
        looked = time.monotonic()
        again = self._look()
        token = other.tags.get(TOKEN_TAG, "")
        if again is None or again.tags.get(TOKEN_TAG, "") != token:
            return
        if time.monotonic() - looked > _LOOK_SECONDS:
            return
        grave = f"{self._name} - {token[:40]}"
        with self._in_words(), speaking_of(self._uri):
            # Refused where another process has moved it already, even if there is a new claim.
            moved = self._rename(grave)
        if moved:
            time.sleep(_GRACE_SECONDS)
            with speaking_of(self._uri):
                self._delete(grave)

    def _sweep(self) -> None:
        """Delete the dead claims whose finder died as well."""
        if "'" in self._name or "%" in self._name:  # filters cannot say it
            return
        found = self._client.search_registered_models(f"name LIKE '{self._name} - %'")
        for model in found:
            # `_` in a filter stands for any character.
            mine = model.name.startswith(f"{self._name} - ") and TOKEN_TAG in model.tags
            changed = int(model.last_updated_timestamp or 0)
            if mine and time.time() - changed / 1000 > LEASE_SECONDS:
                self._delete(model.name)

    def _delete(self, name: str) -> None:
        self._unless_gone(self._client.delete_registered_model, name)

    def _rename(self, name: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self._client.rename_registered_model(self._name, name)
        except MlflowException as error:
            if error.error_code in (_GONE, _TAKEN):
                return False
            raise
        return True

    def _unless_gone(self, call: Any, name: str) -> Any:
        """The call's answer; None where what it is about is gone."""
        from mlflow.exceptions import MlflowException

        try:
            return call(name)
        except MlflowException as error:
            if error.error_code == _GONE:
                return None
            raise

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except TrackingError as error:
            raise TrackingError(
                f"a promotion of '{self._model}' was killed and its claim cannot be removed"
                f" ({error}); delete the registered model '{self._name}' by hand"
            ) from error
