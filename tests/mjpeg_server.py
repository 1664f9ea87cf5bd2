"""A camera on the network that plays, stalls and drops the line as a script says."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

Step = tuple[str, float]
"""("play", frames), ("damage", frames): half of each; ("stall", seconds), ("drop", 0): the line is
cut; ("reset", 0): not even a goodbye; ("refuse", 0): no picture."""


class MJPEGServer:
    """Serves MJPEG on a local port; every connection takes up the script where the last left it.

    A `with` block starts and stops it. At the end of the script, it plays on.
    """

    def __init__(
        self,
        script: Sequence[Step] = (),
        size_hw: tuple[int, int] = (48, 64),
        rate: float = 60.0,
    ) -> None:
        self.script = list(script)
        self.size_hw, self.rate = size_hw, rate
        self.num_connections = 0
        self._stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/video"

    def __enter__(self) -> MJPEGServer:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.num_connections += 1
        if self.script and self.script[0][0] == "refuse":
            self.script.pop(0)
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        try:
            while not self._stopping.is_set():
                name, amount = self.script.pop(0) if self.script else ("play", 1.0)
                if name == "drop":
                    return
                if name == "reset":
                    reset(handler.connection)
                    return
                if name == "stall":
                    self._stopping.wait(amount)
                for _ in range(int(amount) if name in ("play", "damage") else 0):
                    handler.wfile.write(self._part(is_whole=name == "play"))
                    self._stopping.wait(1 / self.rate)
        except OSError:
            pass  # the reader has gone

    def _part(self, is_whole: bool) -> bytes:
        shade = int(time.monotonic() * 100) % 256
        picture = np.full((*self.size_hw, 3), shade, np.uint8)
        jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
        jpeg = jpeg if is_whole else jpeg[: len(jpeg) // 2]
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        return head.encode() + jpeg + b"\r\n"


def reset(connection: socket.socket) -> None:
    """Break a connection off: the other side gets an error, not an end."""
    line = socket.socket(fileno=connection.detach())
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
