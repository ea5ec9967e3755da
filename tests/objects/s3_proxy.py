"""A proxy before an S3 endpoint that fails as stores fail: for chosen requests, in a chosen way.

It passes requests on untouched, so that signatures hold, and keeps count of what was asked, and of the uploads in parts
that are open.
"""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Self, cast

Way = Literal["unavailable", "changed", "cut_request", "cut_answer", "error_body", "hang", "after"]

UNAVAILABLE: Final = b"<?xml version='1.0'?><Error><Code>ServiceUnavailable</Code><Message>later</Message></Error>"
CHANGED: Final = b"<?xml version='1.0'?><Error><Code>PreconditionFailed</Code><Message>no</Message></Error>"
ERROR_BODY: Final = b"<?xml version='1.0'?><Error><Code>InternalError</Code><Message>no</Message></Error>"
HOP: Final = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(kw_only=True)
class Fault:
    """What happens to requests of *method* whose path and query match *pattern*: the first *skip* pass, then *times*.

    ``unavailable``  503, and nothing is passed on
    ``changed``      412, as when a condition does not hold, and nothing is passed on
    ``cut_request``  half of the body is passed on, then both connections end
    ``cut_answer``   *deed* is done, half of the answer's body comes back, then the connection ends
    ``error_body``   200 with an error in its body, and nothing is passed on
    ``hang``         *deed* is done, and there is no answer until the proxy is closed
    ``after``        it is passed on, and *deed* is done before the answer comes back
    """

    way: Way
    method: str
    pattern: str = ""
    skip: int = 0
    times: int = 1_000_000
    deed: Callable[[], object] = lambda: None
    met: int = 0

    def hits(self, method: str, path: str) -> bool:
        if method != self.method or re.search(self.pattern, path) is None:
            return False
        self.met += 1
        return self.skip < self.met <= self.skip + self.times


@dataclass(kw_only=True)
class Seen:
    """What was asked so far: each request with the status of its answer, and the uploads that are open."""

    requests: list[tuple[str, str, int]] = field(default_factory=list)
    open_uploads: set[str] = field(default_factory=set)

    def note(self, method: str, path: str, status: int, body: bytes) -> None:
        self.requests.append((method, path, status))
        upload = re.search(r"uploadId=([^&]+)", path)
        if status < 300 and upload is None and (made := re.search(rb"<UploadId>([^<]+)<", body)):
            self.open_uploads.add(made[1].decode())
        elif upload is not None and status < 300 and method in ("POST", "DELETE"):
            self.open_uploads.discard(upload[1])

    def count(self, method: str, pattern: str = "") -> int:
        return sum(each == method and re.search(pattern, path) is not None for each, path, _ in self.requests)


class S3Proxy:
    """The proxy; *faults* may be set anew at any time.

    The endpoint answers with 200 when it is asked for a range; with *tells_ranges* that becomes the 206 of others.
    """

    def __init__(self, target_port: int) -> None:
        self.faults: list[Fault] = []
        self.tells_ranges = True
        self.seen = Seen()
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._server.target_port = target_port
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def reset(self) -> Self:
        with self.lock:
            self.faults, self.tells_ranges, self.seen = [], True, Seen()
        return self

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            hits = [fault for fault in self.faults if fault.hits(method, path)]
        return hits[0] if hits else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    proxy: S3Proxy
    target_port: int

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections that break are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _handle(self) -> None:
        server = cast("_Server", self.server)
        proxy = server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = proxy.fault(self.command, self.path)
        match fault.way if fault is not None else None:
            case "unavailable":
                self._answer(503, {}, UNAVAILABLE)
            case "changed":
                self._answer(412, {}, CHANGED)
            case "error_body":
                self._answer(200, {"Content-Type": "application/xml"}, ERROR_BODY, noted=299)
            case "hang":
                assert fault is not None
                fault.deed()
                proxy.closing.wait()
                self.close_connection = True
            case "cut_request":
                self.close_connection = True
                with self._sent(body[: len(body) // 2]):
                    pass
            case way:
                status, headers, data = self._pass_on(body)
                if fault is not None:
                    fault.deed()
                if proxy.tells_ranges and "Content-Range" in headers:
                    status = 206
                self._answer(status, headers, data, cut=way == "cut_answer")

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with self._sent(body) as connection, connection.getresponse() as answer:
            return answer.status, dict(answer.getheaders()), answer.read()

    @contextmanager
    def _sent(self, body: bytes) -> Iterator[HTTPConnection]:
        with closing(HTTPConnection("127.0.0.1", cast("_Server", self.server).target_port)) as connection:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            yield connection

    def _answer(self, status: int, headers: dict[str, str], body: bytes, *, noted: int = 0, cut: bool = False) -> None:
        server = cast("_Server", self.server)
        with server.proxy.lock:
            if noted == 0:
                server.proxy.seen.note(self.command, self.path, status, body)
            else:
                server.proxy.seen.requests.append((self.command, self.path, noted))
        self.send_response_only(status)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        for name, value in headers.items():
            if name.lower() not in HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        self.close_connection = self.close_connection or cut
