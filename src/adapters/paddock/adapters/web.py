"""A WSGI application behind a real HTTP server, in threads of its own, that starts and stops cleanly."""

import logging
import threading
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher

from paddock.adapters.addresses import authority
from paddock.core.errors import InvalidInput

_WAKE_SECONDS = 30.0
_LAST_PORT = 65_535
_QUEUE = logging.getLogger(f"{__name__}.queue")
_QUEUE.setLevel(logging.ERROR)
"""Where waitress tells that a request waits for a thread, each time it happens: nothing that a person need be told."""


class WebServer:
    """Serves from `start` to `stop`. ``host`` and ``port`` are known once it is made, before anything is served."""

    def __init__(
        self,
        application: WSGIApplication,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        threads: int = 8,
        ident: str | None = None,
        max_body: int = 1 << 30,
    ) -> None:
        """Bind the address; nothing is served yet.

        Args:
            application: what answers.
            host: the address to listen on.
            port: the port; 0 means any free one.
            threads: how many requests may be answered at once.
            ident: the Server header; None sends none.
            max_body: bytes; a larger body is refused with 413 before the application sees it.

        Raises:
            InvalidInput: the address cannot be listened on, e.g. because somebody else does.
        """
        if not 0 <= port <= _LAST_PORT:  # else some C library takes the rest of a division
            raise InvalidInput(
                "listen", authority(host, port), f"must have a port from 0 (any free one) to {_LAST_PORT}"
            )
        self._sockets: dict[Any, Any] = {}
        # Ours, and without threads until the address is had: waitress would leave them behind if it is not.
        workers = ThreadedTaskDispatcher()
        workers.queue_logger = _QUEUE
        try:
            server: Any = create_server(
                application,
                map=self._sockets,
                _dispatcher=workers,
                host=host,
                port=port,
                threads=threads,
                ident=ident,
                max_request_body_size=max_body,
                clear_untrusted_proxy_headers=True,
            )
        except OSError as error:
            wasyncore.close_all(self._sockets, ignore_all=True)
            reason = f"cannot be listened on ({error.strerror or error}): choose another address or port"
            raise InvalidInput("listen", authority(host, port), reason) from error
        except ValueError as error:  # which waitress makes of every name that is not found
            reason = "cannot be looked up: write an address of this machine, such as 127.0.0.1, or a name that it knows"
            raise InvalidInput("listen", authority(host, port), reason) from error
        # One host and one port make one socket, so this is the server of one, which knows its port.
        self._server = server
        workers.set_thread_count(threads)
        self.host = host
        self.port = int(self._server.effective_port)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"http:{self.port}", daemon=True)

    @property
    def url(self) -> str:
        """Where it is to be found; without a slash at its end."""
        return f"http://{authority(self.host, self.port)}"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests under way, close every socket, end the threads."""
        self._stopping.set()
        if self._thread.is_alive():
            # It may be ending by itself already, so what wakes it must stay open until it has ended. The sockets too:
            # they would be pulled away under its select.
            self._server.pull_trigger()
            self._thread.join()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        wasyncore.close_all(self._sockets, ignore_all=True)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_WAKE_SECONDS, map=self._sockets, count=1)
