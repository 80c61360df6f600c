"""Faults put around ports: a crash before or after a chosen call, errors at random, a pause between two calls.

Each has an `around` for `tests.world.world.World`: a function that is given a port and its name, and returns what is to
be used in its stead.
"""

from collections.abc import Callable, Mapping
from typing import Any

from paddock.adapters.simulation.wires import Crash, Wired
from paddock.core.errors import PaddockError
from paddock.core.ports.system import Chance


class Fuse:
    """Lets the process die before or after its `at`-th port call (None: never, and the calls are only counted).

    A process that has died makes no further call: whatever it would still do in a ``finally`` does not happen.
    """

    def __init__(self, at: int | None = None, *, after: bool = False) -> None:
        self.calls: list[str] = []
        self._at = at
        self._after = after
        self._process = 1

    def around(self, name: str, port: object) -> Wired:
        """Wire the port into the process that lives now."""
        process = self._process

        def intercept(what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
            if process != self._process:
                raise Crash(f"dead before {what}")
            self.calls.append(what)
            if len(self.calls) != self._at:
                return call()
            if self._after:
                call()
            self._process += 1
            raise Crash(f"{'after' if self._after else 'before'} call {self._at}, {what}")

        return Wired(name, port, intercept)


class Repeated:
    """Makes one call twice, as whoever is below us does when the first answer was lost: the first one that is `chosen`.

    `chosen` looks at what the call gives. ``done`` is True once it was.
    """

    def __init__(self, what: str, chosen: Callable[[Any], bool]) -> None:
        self.done = False
        self._what = what
        self._chosen = chosen

    def around(self, name: str, port: object) -> Wired:
        """Wire the port."""
        return Wired(name, port, self._intercept)

    def _intercept(self, what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
        given = call()
        if what != self._what or self.done or not self._chosen(given):
            return given
        self.done = True
        return call()


class Trouble:
    """Errors at random: about one call in `rarity` fails, half of them although the call was made.

    `errors` names what may go wrong with which port, by the beginning of the call's name. Nothing fails once `over`
    is set.
    """

    def __init__(self, chance: Chance, errors: dict[str, tuple[PaddockError, ...]], *, rarity: int = 20) -> None:
        self.over = False
        self.count = 0
        self._chance = chance
        self._errors = errors
        self._rarity = rarity

    def around(self, name: str, port: object) -> Wired:
        """Put trouble around the port."""
        return Wired(name, port, self._intercept)

    def _intercept(self, what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
        found = next((errors for prefix, errors in self._errors.items() if what.startswith(prefix)), ())
        if self.over or not found or self._chance.below(self._rarity):
            return call()
        self.count += 1
        if self._chance.below(2):
            call()  # done, and the answer is lost
        raise found[self._chance.below(len(found))]


class Failing:
    """Calls that fail as long as they are in `errors`: ``{"table.jobs.add": Unavailable("away")}``."""

    def __init__(self, errors: Mapping[str, PaddockError] | None = None) -> None:
        self.errors = dict(errors or {})
        self.calls: list[str] = []

    def around(self, name: str, port: object) -> Wired:
        """Put it around the port."""
        return Wired(name, port, self._intercept)

    def _intercept(self, what: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
        self.calls.append(what)
        if what in self.errors:
            raise self.errors[what]
        return call()


class Between:
    """Calls `deed` once, just before or after the `at`-th port call: another process acts at that very moment."""

    def __init__(self, at: int, deed: Callable[[], object]) -> None:
        self.deed = deed
        self._at = at
        self._calls = 0

    def around(self, name: str, port: object) -> Wired:
        """Watch the port's calls."""

        def intercept(_: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - see Interceptor
            self._calls += 1
            if self._calls == self._at:
                self.deed()
            return call()

        return Wired(name, port, intercept)
