"""A tiny collector on a real socket: it takes what OTLP sends over HTTP, and answers as it is told to."""

from __future__ import annotations

import gzip
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Collector:
    """What came: `requests` as (path, headers), and every span as (resource's attributes, scope, span)."""

    def __init__(self, status: int = 200, pause: float = 0.0) -> None:
        self.status = status
        self.pause = pause
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.spans: list[tuple[dict, object, object]] = []
        self.address = ""

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.requests.append((path, headers))
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest()
        sent.ParseFromString(body)
        self.spans += [
            (attributes(each.resource), scope.scope, span)
            for each in sent.resource_spans
            for scope in each.scope_spans
            for span in scope.spans
        ]

    def named(self, name: str) -> object:
        (found,) = [span for _, _, span in self.spans if span.name == name]
        return found


def attributes(of: object) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in of.attributes}


def _value(value: object) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def collecting(status: int = 200, pause: float = 0.0) -> Iterator[Collector]:
    collector = Collector(status, pause)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            time.sleep(collector.pause)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        collector.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
