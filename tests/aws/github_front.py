"""A front before GitHub's stand-in, at which a test may answer, lose or pass on what the functions ask.

Only they ask there: the front's address is that in the fleet's paddock.yml, and GitHub's own runner has the stand-in's.
"""

import http.client
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlencode, urlsplit

from paddock.core.ports.system import Chance
from tests.http_stub import Answer, Seen, http_stub

Behind = Callable[[Seen], Answer]
Layer = Callable[[Seen, Behind], Answer]

FAILURES: Final[Sequence[tuple[int, str, Mapping[str, str]]]] = (
    (500, "Server Error", {}),
    (502, "Bad Gateway", {}),
    (503, "Service Unavailable", {"Retry-After": "1"}),
    (403, "You have exceeded a secondary rate limit", {"Retry-After": "1"}),
    (429, "You have exceeded a secondary rate limit", {"Retry-After": "1"}),
    (403, "Resource not accessible by integration", {}),
)
"""What GitHub may answer in place of the truth: status, message, headers."""

_OF_THE_HOP: Final = {"connection", "content-length", "transfer-encoding", "server", "date", "keep-alive"}


class Failing:
    """Fails about one call in `rarity`. Of those with a server's error one in four was carried out all the same.

    ``done`` counts them by status. None fails while ``over`` is set.
    """

    def __init__(self, dice: Chance, rarity: int) -> None:
        self.over = False
        self.done: Counter[int] = Counter()
        self._dice, self._rarity = dice, rarity

    def __call__(self, seen: Seen, behind: Behind) -> Answer:
        """Fail, or let pass."""
        if self.over or self._dice.below(self._rarity):
            return behind(seen)
        status, message, headers = FAILURES[self._dice.below(len(FAILURES))]
        if status >= 500 and not self._dice.below(4):
            behind(seen)
        self.done[status] += 1
        return Answer(status, {"message": message, "status": str(status)}, headers)


@contextmanager
def github_front(url: str, layer: Layer) -> Iterator[str]:
    """The address of a front before what serves at `url`. Its links lead through it, too: they are made of the Host."""
    target = urlsplit(url).netloc

    def behind(seen: Seen) -> Answer:
        headers = {name: value for name, value in seen.headers.items() if name not in _OF_THE_HOP}
        path = f"{seen.path}?{urlencode(seen.query)}" if seen.query else seen.path
        connection = http.client.HTTPConnection(target, timeout=60)
        try:
            connection.request(seen.method, path, seen.body or None, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _OF_THE_HOP}
            return Answer(answer.status, answer.read(), kept)
        finally:
            connection.close()

    with http_stub() as stub:
        stub.answer = lambda seen: layer(seen, behind)  # type: ignore[method-assign]  # any path
        yield stub.url
