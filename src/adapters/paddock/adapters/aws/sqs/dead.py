"""The dead-letter queue of a queue: burying, looking, reviving."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from paddock.adapters.aws.sqs.channel import Channel, Lent
from paddock.adapters.sqs_wire import MAX_BYTES, size_of, whole_seconds
from paddock.core.errors import InvalidInput
from paddock.core.ports.queues import DeadLetter, Told, Wanted
from paddock.core.units import Span

_LOOK_LOAN, _REVIVE_LOAN = 60, 600  # seconds; whoever dies meanwhile leaves the letters hidden for so long
_LONGEST_REASON = 1_000
_ROOM = 100  # bytes of the attribute's name and type, generously


class DeadLetters:
    """What was given up, and the way back."""

    def __init__(self, alive: Channel, dead: Channel, look: Span, read: Callable[[str], object]) -> None:
        """Args: the queue; its dead-letter queue; how long a look waits for more letters until it believes the end.

        A look that does not wait asks some of SQS's servers only. ``read`` reads a text of the queue, and raises
        `InvalidInput` if it is none.
        """
        self._alive = alive
        self._dead = dead
        self._look = whole_seconds(look)
        self._read = read

    def bury(self, body: str, why: InvalidInput) -> None:
        """Put a text that cannot be read among the dead."""
        reason = unreadable(why).encode("ascii", "backslashreplace").decode()[:_LONGEST_REASON]
        fits = size_of(body) + len(reason) + _ROOM <= MAX_BYTES
        self._dead.send([body], reason=reason if fits else "")  # without, it is found again whenever somebody looks

    def oldest(self, limit: int) -> Sequence[DeadLetter]:
        """Up to so many of the dead, left where they are; while they are looked at nobody else sees them."""
        found: list[Lent] = []
        try:
            for lent in self._all(_LOOK_LOAN, limit):
                found += lent
        finally:
            self._dead.give_back([each.receipt for each in found])
        most = self._alive.counts()[2] if found else 0
        return tuple(self._letter(each, most) for each in sorted(found, key=_age))

    def revive(self, wanted: Wanted, most: int | None, told: Told) -> int:
        """Send the readable ones that are wanted to their queue again, up to so many; how many there were."""
        revived, left = 0, dict[str, Lent]()
        try:
            for lent in self._all(_REVIVE_LOAN):
                left.update({each.receipt: each for each in lent})
                readable = (each for each in lent if self._flaw(each.body) is None and wanted(each.body))
                back = list(islice(readable, None if most is None else most - revived))
                self._alive.send([each.body for each in back])
                for each in back:
                    told(each.body)
                self._dead.delete([each.receipt for each in back])  # only now: a message twice is better than none
                for each in back:
                    del left[each.receipt]
                revived += len(back)
                if revived == most:
                    break
        finally:
            self._dead.give_back(list(left))
        return revived

    def _all(self, loan: int, limit: int | None = None) -> Iterator[Sequence[Lent]]:
        """All the dead, or so many of them, each once and on loan for so many seconds."""
        seen: set[str] = set()
        while limit is None or len(seen) < limit:
            count = 10 if limit is None else limit - len(seen)
            lent = self._dead.receive(count, wait=self._look, loan=loan)
            fresh = [each for each in lent if each.id not in seen]
            if not fresh:
                return
            seen.update(each.id for each in fresh)
            yield fresh

    def _letter(self, lent: Lent, most: int) -> DeadLetter:
        """With the reason that is written on it; SQS itself writes nothing on what it gives up."""
        flaw = self._flaw(lent.body)
        why = f"received {most} times and never done" if flaw is None else unreadable(flaw)
        return DeadLetter(lent.body, lent.reason or why, flaw is None)

    def _flaw(self, body: str) -> InvalidInput | None:
        try:
            self._read(body)
        except InvalidInput as error:
            return error
        return None


def unreadable(why: InvalidInput) -> str:
    """The reason of a text that cannot be read."""
    return f"unreadable: {why}"


def _age(lent: Lent) -> tuple[int, str]:
    return lent.sent, lent.id
