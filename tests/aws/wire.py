"""A moto server whose every request is written down, and passes layers that may refuse, change or lose it.

moto checks a condition and writes in two steps, so its requests are handled one at a time. A long poll would then keep
everybody out; so it is held here, in front of moto.
"""

import io
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import sqs_backends
from werkzeug.serving import make_server

from tests.aws.judge import REGION
from tests.aws.machine import ACCOUNT
from tests.aws.recorded import Call, Recorded, Reply, Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Behind = Callable[[Request], Reply]
Layer = Callable[[Call, Request, Behind], Reply]
"""Answers a request, by asking whoever is behind it or by itself. It may raise `LostError`."""

LOOK = 0.1  # seconds between two looks of a long poll that nobody wakes: loans end without a word
_WAKE = frozenset({"SendMessage", "SendMessageBatch", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch"})


class LostError(ConnectionError):
    """No answer comes: the connection is gone."""


class Wire:
    """The server's ``url``, and what went over it. ``layers`` are passed from the first to the last, then comes moto.

    ``alone`` is held while moto works: whoever looks into moto holds it, too.
    """

    def __init__(self, recorded: Recorded | None = None, layers: Sequence[Layer] = ()) -> None:
        self.alone = threading.RLock()
        self.recorded = recorded or Recorded(_Moto(self.alone))
        self.layers = list(layers)
        self.url = ""
        self.over = False
        self._changed = threading.Condition()
        self._application = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
        """Answer one request, as a WSGI application."""
        request = _request(environ)
        call = self.recorded.begun(request)
        asked: list[int] = []

        def moto(given: Request) -> Reply:
            reply = self._moto(environ, given)
            asked.append(reply.status)
            return reply

        behind: Behind = moto
        for layer in reversed([*self.layers, self._held]):
            behind = _passing(layer, call, behind)
        try:
            reply = behind(request)
        except LostError:
            self.recorded.ended(call, 0, made_up=not asked)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise
        if call.action == "sts:AssumeRole" and reply.status == 200:
            self.recorded.assumed(call, request, reply)
        self.recorded.ended(call, reply.status, made_up=not asked)
        start_response(f"{reply.status} -", list(reply.headers))
        return [reply.body]

    def stop(self) -> None:
        """Let every long poll go."""
        self.over = True
        with self._changed:
            self._changed.notify_all()

    def _held(self, _: Call, request: Request, behind: Behind) -> Reply:
        """Long polls. Every change of a queue wakes them all."""
        if request.service != "sqs":
            return behind(request)
        if request.operation != "ReceiveMessage":
            reply = behind(request)
            if request.operation in _WAKE:
                with self._changed:
                    self._changed.notify_all()
            return reply
        data = request.data
        wait = data.pop("WaitTimeSeconds", 0)
        end = time.monotonic() + (wait if isinstance(wait, int) else 0)
        at_once = attrs.evolve(request, body=json.dumps({**data, "WaitTimeSeconds": 0}).encode())
        while True:
            reply = behind(at_once)
            left = end - time.monotonic()
            if self.over or left <= 0 or b'"Messages"' in reply.body:
                return reply
            name = str(data["QueueUrl"]).rpartition("/")[2]
            while not self._holds(name) and time.monotonic() < end:
                with self._changed:
                    self._changed.wait(min(LOOK, max(0.0, end - time.monotonic())))

    def _holds(self, queue: str) -> bool:
        """True if there is a message to be had, or no sense in waiting: moto's own memory is far cheaper to ask."""
        if self.over:
            return True
        with self.alone:
            return any(message.visible for message in sqs_backends[ACCOUNT][REGION].get_queue(queue).messages)

    def _moto(self, environ: "WSGIEnvironment", request: Request) -> Reply:
        told: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _info: object = None) -> Callable[[bytes], object]:
            told[:] = [int(status.partition(" ")[0]), headers]
            return lambda _: None

        changed = {
            **environ,
            "wsgi.input": io.BytesIO(request.body),
            "CONTENT_LENGTH": str(len(request.body)),
            "QUERY_STRING": request.query,
        }
        with self.alone:
            parts = self._application(changed, start)
            body = b"".join(parts)
            if hasattr(parts, "close"):
                parts.close()
        status, headers = told
        return Reply(status, body, tuple((name, value) for name, value in headers if name.lower() != "connection"))


class _Moto:
    """What moto knows of what requests speak of. An instance profile is taken to have the role of its own name."""

    def __init__(self, alone: threading.RLock) -> None:
        self._alone = alone

    def tags(self, instance: str) -> Mapping[str, str]:
        """See `World`."""
        with self._alone:
            return {
                tag["key"]: str(tag["value"])
                for reservation in ec2_backends[ACCOUNT][REGION].reservations.values()
                for one in reservation.instances
                if one.id == instance
                for tag in one.get_tags()
            }

    def parts(self, template: str, version: str) -> tuple[str, ...]:
        """See `World`."""
        with self._alone:
            data: Any = ec2_backends[ACCOUNT][REGION].get_launch_template(template).get_version(version).data
        profile = str(data.get("IamInstanceProfile", {}).get("Arn", "")).rpartition("/")[2]
        groups = (f"security-group/{group}" for group in data.get("SecurityGroupIds", ()))
        return (f"image/{data['ImageId']}", *groups, *([f"role/{profile}"] if profile else []))


def _passing(layer: Layer, call: Call, behind: Behind) -> Behind:
    return lambda request: layer(call, request, behind)


def _request(environ: "WSGIEnvironment") -> Request:
    length = environ.get("CONTENT_LENGTH")
    body = environ["wsgi.input"].read(int(length)) if length else b""
    if not length and environ.get("wsgi.input_terminated"):
        body = environ["wsgi.input"].read()
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    path = str(environ.get("REQUEST_URI") or environ["PATH_INFO"]).partition("?")[0]
    return Request(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, body)


@contextmanager
def wire(layers: Sequence[Layer] = ()) -> Iterator[Wire]:
    """A moto server; its threads and its sockets are gone afterwards."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    made = Wire(layers=layers)
    server = make_server("127.0.0.1", 0, made, threaded=True)
    server.daemon_threads = False  # type: ignore[attr-defined]  # ThreadedWSGIServer has it
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        made.stop()
        server.shutdown()
        thread.join()
        server.server_close()
