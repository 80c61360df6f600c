"""Dead letters: put back on their queues a few times, each time later; what dies again after that is poison, and stays.

::

    dead ──at once──> back ──dead again, after 15 min──> back ──dead again, after an hour──> back ──dead again──> poison
                                                                                                  told once, left there

A letter is known again by a digest of its text, for a queue gives what it takes back another identity. What was tried
is kept in the cursor, of so many letters and no more. So in a storm of thousands each is put back, as many a run as the
limit lets, but the oldest tries are forgotten: of those letters that die again then, some begin anew. Each of them must
die once more for that, so that no letter goes round faster than its queue gives it up. What is in quarantine is
remembered apart: no storm sets it free, and only so many other letters in quarantine do.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import attrs

from paddock.core.codec import message_from_data
from paddock.core.errors import InvalidInput
from paddock.core.messages import JobObserved, JobRequested, MachineChanged, MachineWarned, RunCompleted, RunnerReported
from paddock.core.ports.decisions import Decisions
from paddock.core.ports.queues import Queue
from paddock.core.ports.system import Clock
from paddock.core.task import TaskReport
from paddock.core.units import DAY, MINUTE, SECOND, Moment, Span
from paddock.core.usecases.record import Recorder

MOST_PUT_BACK = 1_000  # of each queue in a run: on SQS 300 requests
MOST_SHOWN = 200  # of each queue, where nothing is to be changed: while they are looked at nobody else sees them
MOST_TRIED = 100  # letters of which it is remembered that they were put back
MOST_POISONED = 100  # letters in quarantine
DELAYS: Sequence[Span] = (0, 15 * MINUTE, 60 * MINUTE)  # before each try, from the one before
TOO_OLD: Span = DAY  # a job that waits for so long GitHub gives up; one that it still lists, the sweep takes in
_REMEMBERED: Span = 2 * DAY  # a letter that has not died again by then was handled: dying takes hours at the most
_DIGEST = 16  # hexadecimal digits


@attrs.frozen
class Tried:
    """A letter that was put back so many times, the last time at this moment."""

    times: int
    at: Moment


@attrs.frozen
class Memory:
    """What is remembered of letters, by their digests, the oldest first."""

    tried: Mapping[str, Tried] = attrs.field(factory=dict)
    poison: Sequence[str] = ()

    @classmethod
    def read(cls, cursor: str) -> "Memory":
        """What a cursor holds; nothing if it cannot be read."""
        try:
            data = json.loads(cursor)
            tried = {digest: Tried(int(times), int(at) * SECOND) for digest, (times, at) in data["tried"].items()}
            return cls(tried, tuple(map(str, data["poison"])))
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def text(self, now: Moment) -> str:
        """The cursor, at most about 6 kB: what is too old or too much is left out."""
        tried = [(digest, one) for digest, one in self.tried.items() if now - one.at <= _REMEMBERED]
        tried = sorted(tried, key=lambda each: each[1].at)[-MOST_TRIED:]
        poison = list(self.poison)[-MOST_POISONED:]
        if not tried and not poison:
            return ""
        data = {"tried": {digest: [one.times, one.at // SECOND] for digest, one in tried}, "poison": poison}
        return json.dumps(data, separators=(",", ":"))


class _Look:
    """One look at one queue's dead letters, and what becomes of each. Copies of a letter share its fate."""

    def __init__(self, queue: str, memory: Memory, delays: Sequence[Span], now: Moment) -> None:
        self.queue = queue
        self.now = now
        self.kinds = Counter[str]()
        self.back: dict[str, Tried] = {}
        self.poison: dict[str, str] = {}  # the text by its digest
        self._memory = memory
        self._known = frozenset(memory.poison)
        self._delays = delays

    def wanted(self, body: str) -> bool:
        """True if the letter is due; notes why it is not."""
        digest = digest_of(self.queue, body)
        tried = self._memory.tried.get(digest, Tried(0, self.now))
        if digest in self._known:
            self.kinds["in_quarantine"] += 1
        elif tried.times >= len(self._delays):
            self.poison[digest] = body
        elif _is_over(body, self.now):
            self.kinds["too_old"] += 1
        elif tried.times and 0 <= self.now - tried.at < self._delays[tried.times]:
            self.kinds["waiting"] += 1
        else:
            return True
        return False

    def put_back(self, body: str) -> None:
        """It is on its queue again."""
        digest = digest_of(self.queue, body)
        tried = self._memory.tried.get(digest, Tried(0, self.now))
        self.back[digest] = Tried(tried.times + 1, self.now)
        self.kinds["put_back"] += 1


class DeadLetters:
    """Gives dead letters another life, and keeps from it what has spent its tries."""

    def __init__(
        self,
        *,
        queues: Mapping[str, Queue[Any]],
        decisions: Decisions,
        clock: Clock,
        delays: Sequence[Span] = DELAYS,
        most: int = MOST_PUT_BACK,
    ) -> None:
        """Args: the queues by name; how long to wait before each try; how many to put back on each in a run."""
        self._queues = queues
        self._clock = clock
        self._delays = delays
        self._most = most
        self._record = Recorder(decisions, clock, "dead_letters")

    def __call__(self, *, dry_run: bool = False, cursor: str = "") -> TaskReport:
        """One run.

        ``by_kind`` counts those ``put_back``, newly ``quarantined``, ``waiting``, ``in_quarantine``, and ``too_old``,
        which ask for a job of long ago.

        What cannot be read stays dead and is not counted: it would die at once. A queue that does not answer does not
        stop the others. A run that dies, so that its cursor is lost, has given its letters one try more.
        """
        memory, now = Memory.read(cursor), self._clock.now()
        kinds, acts, errors, left = Counter[str](), list[str](), list[str](), 0
        tried, poison = dict(memory.tried), list(memory.poison)
        for name, queue in self._queues.items():
            look = _Look(name, memory, self._delays, now)
            try:
                left += self._show(queue, look, acts) if dry_run else self._redrive(queue, look, acts)
            except Exception as error:  # noqa: BLE001 - one queue's trouble must not stop the others
                errors.append(f"{name}: {type(error).__name__}: {error}")
            for digest, body in look.poison.items():
                try:
                    acts.append(self._quarantine(look, digest, body, dry_run=dry_run))
                except Exception as error:  # noqa: BLE001 - as above; it is told by the next run
                    errors.append(f"{name}, letter {digest}: {type(error).__name__}: {error}")
                else:
                    look.kinds["quarantined"] += 1
                    tried.pop(digest, None)
                    poison.append(digest)
            tried.update(look.back)
            kinds += look.kinds
        done = 0 if dry_run else kinds["put_back"] + kinds["quarantined"]
        return TaskReport(
            attempted=done + len(errors),
            succeeded=done,
            failed=len(errors),
            left=left,
            by_kind=dict(kinds),
            errors=tuple(errors),
            acts=tuple(acts),
            cursor=cursor if dry_run else Memory(tried, poison).text(now),
        )

    def _redrive(self, queue: Queue[Any], look: _Look, acts: list[str]) -> int:
        """Put back what is due; how many letters are left to a later run."""
        count = queue.redrive(look.wanted, most=self._most, told=look.put_back)
        if count:
            acts.append(f"put back {count} dead letters of {look.queue}")
        return look.kinds["waiting"] if count < self._most else queue.depth().dead

    def _show(self, queue: Queue[Any], look: _Look, acts: list[str]) -> int:
        """Say what would be put back of the oldest; how many letters would be left to a later run."""
        letters = queue.dead_letters(MOST_SHOWN)
        for body in [letter.body for letter in letters if letter.readable]:
            if look.wanted(body):
                look.kinds["put_back"] += 1
                acts.append(f"put back {_name(look.queue, body, _message(body))}")
        return look.kinds["waiting"] if len(letters) < MOST_SHOWN else queue.depth().dead - look.kinds["put_back"]

    def _quarantine(self, look: _Look, digest: str, body: str, *, dry_run: bool) -> str:
        """Tell of a letter that has spent its tries; in words."""
        message = _message(body)
        what = _name(look.queue, body, message)
        if dry_run:
            return f"quarantine {what}"
        why = f"a message for it on {look.queue} died again after it was put back {len(self._delays)} times"
        match message:
            case JobRequested() | JobObserved():
                self._record.job(message.job.job_id, "quarantined", why, queue=look.queue, letter=digest)
            case RunnerReported() | MachineWarned() | MachineChanged():
                self._record.machine(message.machine, "quarantined", why, queue=look.queue, letter=digest)
            case _:
                self._record.letter(digest, "quarantined", why, queue=look.queue)
        return f"quarantined {what}: it died again after it was put back {len(self._delays)} times"


def _is_over(body: str, now: Moment) -> bool:
    """True of a request for a job that nobody waits for any more: a machine would be launched for nothing."""
    message = _message(body)
    return isinstance(message, JobRequested) and 0 < message.job.created_at < now - TOO_OLD


def digest_of(queue: str, body: str) -> str:
    """By what a letter is known again, whatever its queue calls it."""
    return sha256(f"{queue}\n{body}".encode(errors="surrogatepass")).hexdigest()[:_DIGEST]


def _name(queue: str, body: str, message: object) -> str:
    match message:
        case JobRequested() | JobObserved():
            about = f", about job {message.job.job_id}"
        case RunnerReported() | MachineWarned() | MachineChanged():
            about = f", about machine {message.machine}"
        case RunCompleted():
            about = f", about run {message.run_id} of {message.repository}"
        case _:
            about = ""
    return f"letter {digest_of(queue, body)} of {queue}{about}"


def _message(body: str) -> object:
    """The message in the text; None if it is none of ours: a queue may carry others' as well."""
    try:
        return message_from_data(json.loads(body))
    except (InvalidInput, ValueError, RecursionError):
        return None
