"""Requests that only go where they may."""

from __future__ import annotations

import ipaddress
from http.client import HTTPMessage, HTTPResponse
from ssl import SSLCertVerificationError
from typing import IO, Any, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from parnet_zoo.errors import DataError, UsageError

SECONDS = 30.0
"""How long a server may say nothing."""
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class TransientError(OSError):
    """A request that may work when it is made again; the message says what happened."""


def check_url(url: str) -> None:
    """Refuse addresses that are neither https nor http on this machine.

    Raises:
        UsageError: It is another one.
    """
    if not _is_allowed(url):
        raise UsageError(f"{url} is no address that starts with https://")


def open_url(url: str, headers: dict[str, str]) -> HTTPResponse:
    """Ask for a file; redirects lead to https only.

    Args:
        url: As `check_url` allows.
        headers: Of the request.

    Returns:
        The open answer, of status 200, 206 or 416.

    Raises:
        DataError: The server refuses it for good.
        OSError: It may work later.
    """
    check_url(url)
    request = Request(url, headers=headers)  # noqa: S310  # checked: https, or this machine
    try:
        return cast(HTTPResponse, _opener().open(request, timeout=SECONDS))
    except HTTPError as error:
        if error.code == 416:  # noqa: PLR2004  # the range asked for begins at the file's end
            return cast(HTTPResponse, error)
        answer = f"the server answered {error.code} {error.reason}"
        error.close()
        if error.code in _TRANSIENT:
            raise TransientError(answer) from error
        raise DataError(f"{url}: {answer}; --from takes a mirror's address") from error
    except URLError as error:
        if isinstance(error.reason, SSLCertVerificationError):
            reason = error.reason.verify_message
            raise DataError(
                f"{url}: the server's certificate is not to be trusted: {reason}"
            ) from error
        raise


def _opener() -> OpenerDirector:
    """Without the handlers for files, FTP and data that `build_opener` brings."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(),
        HTTPHandler(),
        HTTPSHandler(),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


class _Redirects(HTTPRedirectHandler):
    def redirect_request(
        self,
        req: Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> Any:
        # A public server must not lead to services of this machine.
        local = _is_local(req.full_url) and _is_allowed(newurl)
        if urlsplit(newurl).scheme != "https" and not local:
            raise DataError(f"{req.full_url} leads on to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_allowed(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_local(url))
    )


def _is_local(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
