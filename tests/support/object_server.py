"""A server of objects on this machine: what S3, Google's and Azure's stores do with GET, HEAD, PUT,
ranges and listings.

It can be slow, and it can fail: each request waits, each connection has a limited number of bytes a
second, and a test may change how the next requests are answered.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import tfr_index


class Request(NamedTuple):
    """A request that was answered."""

    method: str
    path: str
    start: int
    size: int


class ObjectServer:
    """Serves objects in memory, by paths such as "/bucket/key".

    Attributes:
        objects: their bytes by path.
        requests: those that were answered.
        latency: seconds before each answer.
        bytes_per_second: of one connection; None: as fast as it goes.
        link: the same of all connections together.
        fault: called with each request; what it returns is answered instead: a status, "short" for
            a body that is too short, "whole" for one without a range, "reset" for none.
        quotes_listed: whether listings have ETags in quotes, as those of S3.
        most_at_once: how many requests were answered at the same time.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[Request] = []
        self.latency = 0.0
        self.bytes_per_second: float | None = None
        self.link: float | None = None
        self._link_is_free = 0.0  # when all that was sent has passed
        self.fault: Callable[[Request], int | str | None] = lambda _request: None
        self.quotes_listed = True
        self.most_at_once = self.at_once = 0
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"server_of_objects": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str, path: str = "") -> int:
        """How many requests with this method, of paths that end so, were answered."""
        return sum(one.method == method and one.path.endswith(path) for one in self.requests)

    def bytes_read(self) -> int:
        return sum(one.size for one in self.requests if one.method == "GET")

    def pass_link(self, size: int) -> None:
        """Waits until bytes that were sent have passed the link."""
        if self.link is None:
            return
        with self.lock:
            now = time.perf_counter()
            self._link_is_free = max(self._link_is_free, now) + size / self.link
            wait = self._link_is_free - now
        time.sleep(wait)

    def forget(self) -> None:
        """Forgets the requests so far."""
        self.requests, self.most_at_once = [], 0


#: What a server answers in place of a range of an object, and the class and words of the error.
FAULTS = [
    (404, FileNotFoundError, "no such file"),
    (403, PermissionError, "credentials do not allow"),
    (401, PermissionError, "no valid credentials"),
    (503, OSError, "503"),
    (500, OSError, "500"),
    ("short", OSError, "cannot read it"),
    ("whole", OSError, "cannot read it"),
    ("reset", OSError, "cannot read it"),
]


def use_as_s3(monkeypatch: Any, url: str, **others: str) -> None:
    """Lets obstore take a server for S3. `others` are more variables of the environment."""
    _set(
        monkeypatch,
        AWS_ENDPOINT_URL=url,
        AWS_ALLOW_HTTP="true",
        AWS_REGION="us-east-1",
        **others,
    )


def use_as_gcs(monkeypatch: Any, url: str) -> None:
    """Lets obstore take a server for Google's store."""
    names = "client_email", "private_key", "private_key_id"
    key = {"gcs_base_url": url, "disable_oauth": True, **dict.fromkeys(names, "")}
    _set(monkeypatch, GOOGLE_SERVICE_ACCOUNT_KEY=json.dumps(key))


def use_as_azure(monkeypatch: Any, url: str, account: str = "account", key: str = "") -> None:
    """Lets obstore take a server for Azure's store. Without a key, requests are not signed."""
    how = {"AZURE_STORAGE_ACCOUNT_KEY": key} if key else {"AZURE_SKIP_SIGNATURE": "true"}
    _set(
        monkeypatch,
        AZURE_STORAGE_ACCOUNT_NAME=account,
        AZURE_STORAGE_ENDPOINT=url,
        AZURE_ALLOW_HTTP="true",
        **how,
    )


def _set(monkeypatch: Any, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    tfr_index._remote._store.cache_clear()  # stores that have another server


@contextlib.contextmanager
def s3(monkeypatch: Any) -> Iterator[ObjectServer]:
    """A server that obstore takes for S3."""
    server = ObjectServer()
    use_as_s3(monkeypatch, server.url, AWS_SKIP_SIGNATURE="true")
    try:
        yield server
    finally:
        server.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone away is no error."""


class _Handler(BaseHTTPRequestHandler):
    server_of_objects: ObjectServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        server = self.server_of_objects
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(urlsplit(self.path).path)
        time.sleep(server.latency)
        request = Request("PUT", path, 0, len(body))
        fault = server.fault(request)
        if isinstance(fault, int):
            self._send(fault, b"")
            return
        with server.lock:
            server.requests.append(request)
            is_only_new = self.headers.get("If-None-Match") == "*"
            is_only_new |= self.headers.get("x-goog-if-generation-match") == "0"
            if is_only_new and path in server.objects:
                self._send(412, b"")
                return
            server.objects[path] = body
        self._send(200, b"", ETag=_etag(body))

    def _answer(self) -> None:
        server = self.server_of_objects
        with server.lock:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            time.sleep(server.latency)
            self._answer_one(server)
        finally:
            with server.lock:
                server.at_once -= 1

    def _list(self, server: ObjectServer, bucket: str, prefix: str) -> None:
        """Answers ListObjectsV2, which Google's store has, too, or Azure's List Blobs: all objects
        whose names start like this, on one page."""
        start = f"{bucket}/{prefix}"
        names = sorted(path for path in server.objects if path.startswith(start))
        quotes = "" if server.quotes_listed else '"'
        is_azure = "comp=list" in self.path

        def item(name: str) -> str:
            key, size = escape(name[len(bucket) + 1 :]), len(server.objects[name])
            if is_azure:
                return (
                    f"<Blob><Name>{key}</Name><Properties><Content-Length>{size}</Content-Length>"
                    "<Content-Type>application/octet-stream</Content-Type>"
                    "<Last-Modified>Mon, 02 Nov 2026 10:00:00 GMT</Last-Modified>"
                    f"<Etag>{_etag(server.objects[name])[1:-1]}</Etag></Properties></Blob>"
                )
            return (
                f"<Contents><Key>{key}</Key><Size>{size}</Size>"
                f"<ETag>{escape(_etag(server.objects[name]).strip(quotes))}</ETag>"
                "<LastModified>2026-11-02T10:00:00.000Z</LastModified></Contents>"
            )

        items = "".join(map(item, names))
        with server.lock:
            server.requests.append(Request("LIST", start, 0, 0))
        xml = f"<ListBucketResult><IsTruncated>false</IsTruncated>{items}</ListBucketResult>"
        if is_azure:
            xml = f"<EnumerationResults><Blobs>{items}</Blobs></EnumerationResults>"
        self._send(200, xml.encode())

    def _answer_one(self, server: ObjectServer) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = parse_qs(parts.query)
        if "list-type" in query or "comp" in query:
            self._list(server, path.rstrip("/"), query.get("prefix", [""])[0])
            return
        content = server.objects.get(path)
        if content is None:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        start, end = 0, len(content)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            start = int(wanted[1])
            end = min(end, int(wanted[2] or end) + 1)
        request = Request(self.command, path, start, end - start if self.command == "GET" else 0)
        fault = server.fault(request)
        if isinstance(fault, int):
            self._send(fault, b"")
            return
        etag = _etag(content)
        about = {"ETag": etag, "Last-Modified": "Mon, 02 Nov 2026 10:00:00 GMT"}
        if self.headers.get("If-Match", etag) not in (etag, "*"):
            self._send(412, b"", **about)
            return
        if fault == "reset":
            self.close_connection = True
            return
        if self.command == "HEAD":
            with server.lock:
                server.requests.append(request)
            self._send(200, content, **about)
            return
        if wanted and start >= len(content):
            self._send(416, b"", **about)
            return
        with server.lock:
            server.requests.append(request)
        if fault == "whole":
            self._send(200, content, **about)
            return
        body = memoryview(content)[start:end]
        if wanted:
            about["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        self._send(206 if wanted else 200, body, is_short=fault == "short", **about)

    def _send(
        self, status: int, body: bytes | memoryview, *, is_short: bool = False, **headers: str
    ) -> None:
        server = self.server_of_objects
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if is_short:
            body = body[: len(body) // 2]
            self.close_connection = True
        begun, sent = time.perf_counter(), 0
        while sent < len(body):
            piece = body[sent : sent + (256 << 10)]
            self.wfile.write(piece)
            sent += len(piece)
            server.pass_link(len(piece))
            if server.bytes_per_second:
                ahead = sent / server.bytes_per_second - (time.perf_counter() - begun)
                if ahead > 0.001:
                    time.sleep(ahead)

    def log_message(self, *_arguments: object) -> None:
        """Nothing: tests print what failed."""


@functools.lru_cache(maxsize=256)
def _etag(content: bytes) -> str:
    return f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"'
