"""Sends the webhooks, in order, by a thread of its own; and does to them what a scenario asks for."""

import hashlib
import hmac
import http.client
import json
import threading
import time
from urllib.parse import urlsplit

from paddock.adapters.memory.github import Event, MemoryGitHub
from paddock.adapters.memory.github.scripts import NO_DELIVERY_FAULTS
from paddock.adapters.standin.payloads import webhook
from paddock.adapters.standin.people import Place
from paddock.adapters.standin.rest_app import HOOK_ID
from paddock.core.units import SECOND

TIMEOUT_SECONDS = 10.0  # GitHub's
BAD_GATEWAY = 502


class WebhookSender:
    """The queue of deliveries and the thread that works it off. Without a URL, everything is logged as unreachable."""

    def __init__(self, model: MemoryGitHub, place: Place, *, url: str | None, secret: str, app_id: int) -> None:
        """Args: whose events; where the payloads' links lead; the receiver's URL; the secret to sign with; the App."""
        self._model, self._place, self.url, self._secret = model, place, url, secret.encode()
        self._app_id = app_id
        self._due: list[tuple[float, int, Event]] = []
        self._held: list[tuple[tuple[int, str], Event]] = []
        self._sent: set[tuple[int, str]] = set()
        self._sequence = 0
        self._sending = False
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="github-webhooks", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more; what waits is dropped."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def redirect(self, url: str | None, secret: str, app_id: int) -> None:
        """From now on they go elsewhere, signed otherwise, as another App's."""
        self.url, self._secret, self._app_id = url, secret.encode(), app_id

    def offer(self, event: Event) -> None:
        """Queue the event's delivery, as its job's faults want it. A redelivery is always sent plainly."""
        faults = NO_DELIVERY_FAULTS if event.job is None or event.redelivery else event.job.script.deliveries
        action = event.action
        if action in faults.lost:
            return
        if action in faults.failed:
            self._model.deliveries.record(event, BAD_GATEWAY)
            return
        with self._changed:
            after = None if event.job is None else faults.held.get(action)
            if after is not None and event.job is not None and (event.job.id, after) not in self._sent:
                self._held.append(((event.job.id, after), event))
            else:
                self._push(event, faults.delayed.get(action, 0) / SECOND, 1 + (action in faults.duplicate))

    def _push(self, event: Event, delay: float, copies: int = 1) -> None:
        for _ in range(copies):
            self._sequence += 1
            self._due.append((time.monotonic() + delay if delay else 0.0, self._sequence, event))
        self._changed.notify_all()

    def drain(self, timeout: float = 30.0) -> bool:
        """Wait until everything was sent that is not held back; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._due and not self._sending, timeout)

    def _take(self) -> Event | None:
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                ready = [entry for entry in self._due if entry[0] <= now]
                if ready:
                    entry = min(ready, key=lambda one: one[1])
                    self._due.remove(entry)
                    self._sending = True
                    return entry[2]
                self._changed.wait(min((entry[0] - now for entry in self._due), default=None))
            return None

    def _work(self) -> None:
        while (event := self._take()) is not None:
            status = self._post(event)
            self._model.deliveries.record(event, status)
            with self._changed:
                if event.job is not None:
                    key = event.job.id, event.action
                    self._sent.add(key)
                    for waiting in [entry for entry in self._held if entry[0] == key]:
                        self._held.remove(waiting)
                        self._push(waiting[1], 0.0)
                self._sending = False
                self._changed.notify_all()

    def _post(self, event: Event) -> int:
        if self.url is None:
            return 0
        body = json.dumps(webhook(self._place, event), separators=(",", ":")).encode()
        target = urlsplit(self.url)
        connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", target.path or "/", body, self.headers(event, body))
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        else:
            return answer.status
        finally:
            connection.close()

    def headers(self, event: Event, body: bytes) -> dict[str, str]:
        """The headers of a delivery."""
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        return {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": f"GitHub-Hookshot/{event.guid[:7]}",
            "X-GitHub-Delivery": event.guid,
            "X-GitHub-Event": event.event,
            "X-GitHub-Hook-ID": str(HOOK_ID),
            "X-GitHub-Hook-Installation-Target-ID": str(self._app_id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
            "X-Hub-Signature-256": f"sha256={signature}",
        }
