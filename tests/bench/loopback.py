"""SQS as far as a benchmark needs it: a process of its own that says thank you, so that its work is not measured.

``python -m tests.bench.loopback`` prints its port, serves one connection after the other, and ends with its input.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

BODY = (
    b'{"MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592","MessageId":"5fea7756-0ea4-451a-a703-a558b933e274",'
    b'"MD5OfMessageAttributes":"5d41402abc4b2a76b9719d911017c592"}'
)
REPLY = (
    b"HTTP/1.1 200 OK\r\n"
    b"x-amzn-RequestId: 94b42a4f-0a3f-5b1e-8d3a-8e2f0f6a2d11\r\n"
    b"Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
    b"Content-Type: application/x-amz-json-1.0\r\n"
    b"Content-Length: %d\r\n"
    b"connection: keep-alive\r\n\r\n" % len(BODY)
) + BODY


@contextmanager
def sqs_stub() -> Iterator[str]:
    """The address of a stub in its own process."""
    command = [sys.executable, "-m", "tests.bench.loopback"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline() if process.stdout else '')}"
        finally:
            process.kill()


def _length(head: bytes) -> int:
    lines = [line.partition(b":") for line in head.split(b"\r\n")]
    return next(int(value) for name, _, value in lines if name.lower() == b"content-length")


def serve(connection: socket.socket) -> None:
    """Answer every request until the other side has enough."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    waiting = b""
    while chunk := connection.recv(1 << 16):
        waiting += chunk
        head, end, body = waiting.partition(b"\r\n\r\n")
        if end and len(body) >= _length(head):
            connection.sendall(REPLY)
            waiting = b""


def main() -> None:
    """Serve until the standard input ends."""
    server = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"{server.getsockname()[1]}\n")
    sys.stdout.flush()

    def accept() -> None:
        while True:
            with server.accept()[0] as connection:
                serve(connection)

    Thread(target=accept, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
