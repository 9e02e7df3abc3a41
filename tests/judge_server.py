"""An OpenAI-compatible endpoint of the standard library, whose replies a test chooses."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server:
    """Answers with what `reply(question, number of the request)` returns: a text, a body as dict, or a status."""

    def __init__(self) -> None:
        self.reply: Callable[[str, int], Any] = lambda question, number: "A"
        self.questions: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.questions.append(body["messages"][0]["content"])
                server.headers.append(dict(self.headers))
                server.bodies.append({**body, "path": self.path})
                found = server.reply(server.questions[-1], len(server.questions))
                status, content, extra = 200, b"", {}
                if isinstance(found, int):
                    status, content = found, f"no luck, {self.headers.get('Authorization')}".encode()
                    extra = {"Location": "http://127.0.0.1:9/elsewhere"} if 300 <= found < 400 else {}
                elif isinstance(found, bytes):
                    content = found
                else:
                    choice = found if isinstance(found, dict) else {"message": {"content": found}}
                    content = json.dumps({"choices": [choice]}).encode()
                try:
                    self.send_response(status)
                    for name, value in extra.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    pass  # who asked has given up

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
