"""A WSGI application on 127.0.0.1, in threads of its own, that starts and stops cleanly."""

import threading
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 48
WAKE_SECONDS = 30.0


class HttpServer:
    """Serves from `start` to `stop`. ``port`` is known once it is made, before anything is served."""

    def __init__(self, application: "WSGIApplication", *, port: int = 0, threads: int = THREADS) -> None:
        """Args: the application; the port (0: any free one); how many requests may be answered at once."""
        self._sockets: dict[Any, Any] = {}
        server: Any = create_server(
            application,
            map=self._sockets,
            host="127.0.0.1",
            port=port,
            threads=threads,
            ident="GitHub.com",
            clear_untrusted_proxy_headers=True,
        )
        self._server = server
        self.port: int = server.effective_port
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"github-stand-in:{self.port}", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests under way, close every socket, end the threads."""
        self._stopping.set()
        if self._thread.is_alive():
            self._server.pull_trigger()
            self._thread.join()
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        wasyncore.close_all(self._sockets, ignore_all=True)

    def _serve(self) -> None:
        # One step at a time, and nothing closed here: the sockets must not go while select or a waker looks at them.
        while not self._stopping.is_set():
            wasyncore.loop(timeout=WAKE_SECONDS, map=self._sockets, count=1)
