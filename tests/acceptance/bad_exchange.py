"""Servers that are no exchange, each in its own way, on a real socket."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, str, bytes]
PAGE = b"<!DOCTYPE html><html><body>Welcome to the hotel. Accept our terms to go on.</body></html>"
HALF = b'{"timezone":"UTC","serverTime":1700000000000,"rateLimits":[{"rateLimitType":"REQUEST_W'
FAR = b'{"code":0,"msg":"Service unavailable from a restricted location"}'
ANSWERS: dict[str, Answer | None] = {
    "a web page": (200, "text/html", PAGE),
    "an error page": (500, "text/html", b"<h1>Internal Server Error</h1>"),
    "half of an answer": (200, "application/json", HALF),
    "another country": (451, "application/json", FAR),
    "nothing at all": None,
}


@contextmanager
def serving(answer: Answer | None, port: int = 0) -> Iterator[int]:
    """Answer everything alike, None with silence; give the port."""
    ending = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(answer, ending.wait))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(answer: Answer | None, wait: Callable[[], Any]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if answer is None:
                wait()
                return
            status, kind, body = answer
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
