"""A server of one file that misbehaves as it is told to."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What is served, and how.

    Attributes:
        data: The file.
        breaks: For each request in turn, after how many bytes the connection ends; None and
            further requests: never.
        statuses: For each request in turn, the status in place of an answer; None: an answer.
        ranges: Whether parts can be asked for.
        etag: Whether the file's version is told.
        length: Added to the length that is announced; None: no length is.
        redirect: Where requests of `/moved` are sent on to.
        requests: The Range header of each request for the file so far.
        url: Of the file.
    """

    data: bytes
    breaks: list[int | None] = field(default_factory=list)
    statuses: list[int | None] = field(default_factory=list)
    ranges: bool = True
    etag: bool = True
    length: int | None = 0
    redirect: str = ""
    requests: list[str | None] = field(default_factory=list)
    url: str = ""

    @property
    def version(self) -> str:
        """The file's ETag."""
        return f'"{hashlib.sha256(self.data).hexdigest()[:16]}"'

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.data).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    file: FileServer

    def do_GET(self) -> None:
        file = self.file
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", file.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        number = len(file.requests)
        file.requests.append(self.headers.get("Range"))
        status = file.statuses[number] if number < len(file.statuses) else None
        if status is not None:
            self.send_error(status)
            return
        self._answer(file.breaks[number] if number < len(file.breaks) else None)

    def _answer(self, stop: int | None) -> None:
        file, total, start = self.file, len(self.file.data), 0
        wanted = self.headers.get("Range")
        if file.ranges and wanted and self.headers.get("If-Range") in (None, file.version):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start > total or (start == total and wanted):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if file.etag:
            self.send_header("ETag", file.version)
        if file.length is not None:
            self.send_header("Content-Length", str(total - start + file.length))
        self.send_header("Connection", "close")
        self.end_headers()
        body = file.data[start:]
        with suppress(ConnectionError):  # a client that has seen enough
            self.wfile.write(body if stop is None else body[:stop])
        self.close_connection = True

    def log_message(self, *_message: object) -> None:
        """Say nothing."""


@contextmanager
def serving(file: FileServer) -> Iterator[FileServer]:
    """Serve it on a free port of this machine."""
    handler = type("Handler", (_Handler,), {"file": file})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    file.url = f"http://127.0.0.1:{server.server_address[1]}/archive"
    try:
        yield file
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
