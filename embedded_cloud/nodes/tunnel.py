"""``python -m embedded_cloud.nodes.tunnel SOCKET``: the API server's proxy to nodes and pods, by HTTP CONNECT on a Unix socket.

On EKS, the API server has network interfaces in the nodes' subnets. In the embedded cloud, the API server connects through this
process. The process opens connections to ``localhost`` on the host, and all other connections in the nodes' network namespace.
Its standard input is the open file of this namespace.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
from pathlib import Path
from typing import cast

from embedded_cloud.nodes.machines import in_network

CONNECT_SECONDS = 10
CHUNK = 65536
HOST = "localhost"
STANDARD_INPUT = 0


class Tunnel(socketserver.StreamRequestHandler):
    """The handler of one connection of the API server."""

    def handle(self) -> None:
        """Connect to the requested address, and copy bytes in both directions until both peers have closed their streams.

        If one peer closes its stream, the handler closes the stream to the other peer.
        """
        _, target, _ = self.rfile.readline().decode().split(" ", 2)
        while self.rfile.readline().strip():
            pass
        host, _, port = target.rpartition(":")
        try:
            there = connect(host.strip("[]"), int(port))
        except OSError as error:
            self.wfile.write(f"HTTP/1.1 502 {error.strerror or error}\r\n\r\n".encode())
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with there:
            back = threading.Thread(target=_pass_on, args=(there, self.connection), daemon=True)
            back.start()
            _pass_on(cast(socket.socket, self.connection), there)
            back.join()


def connect(host: str, port: int) -> socket.socket:
    """A connection to a node or a pod, or to the host itself."""
    if host == HOST:
        return socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS)
    with in_network(STANDARD_INPUT):
        made = socket.socket()
    made.settimeout(CONNECT_SECONDS)
    made.connect((host, port))
    made.settimeout(None)
    return made


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    source.settimeout(None)
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class TunnelServer(socketserver.ThreadingUnixStreamServer):
    """A server with a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Path(sys.argv[1]).unlink(missing_ok=True)
    TunnelServer(sys.argv[1], Tunnel).serve_forever()
