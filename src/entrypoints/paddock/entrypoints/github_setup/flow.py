"""The way itself: look, ask, exchange, keep, wait. What is told at each step is a line for the terminal."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import attrs

from paddock.adapters.app_setup import Door, Keeper, Kept, Stage, View, in_safety
from paddock.adapters.github.itself import AppItself, Installation
from paddock.adapters.github.manifest import NewApp, Wanted, convert, settings_url
from paddock.core.errors import AccessDenied, NotFound, PaddockError, Throttled, Unavailable
from paddock.core.ports.system import Chance, Clock, Ids, Sleeper
from paddock.core.units import MINUTE, SECOND, Moment, Span

LOOK: Final[Span] = 3 * SECOND
LAST_LOOK: Final[Span] = 5 * SECOND
MOST_NAMED: Final = 20

_PASSING: Final = (Unavailable, Throttled, AccessDenied, NotFound)
"""What may be said of an App just after it was made, or while GitHub is away."""


@attrs.define(kw_only=True)
class Setup:
    """One App's. ``folders`` are where secrets may lie while they are on their way; ``said`` is told each line."""

    wanted: Wanted
    keeper: Keeper
    folders: Sequence[Path]
    said: Callable[[str], object]
    clock: Clock
    sleeper: Sleeper
    chance: Chance
    ids: Ids
    patience: Span = 60 * MINUTE
    port: int = 0
    look: Span = LOOK
    made: NewApp | None = attrs.field(default=None, init=False)
    kept: bool = attrs.field(default=False, init=False)
    failure: PaddockError | None = attrs.field(default=None, init=False)

    def door(self) -> Door:
        """The page, not served yet. Looks first whether the secrets can be kept.

        Raises:
            InvalidInput: they cannot, or the port is taken.
        """
        self.keeper.check()
        return Door(
            self.wanted,
            ids=self.ids,
            exchange=self._exchange,
            places=self.keeper.places,
            said=self.said,
            port=self.port,
        )

    def agreed(self, door: Door) -> NewApp:
        """Wait until GitHub has sent its code and the App's secrets are kept.

        Raises:
            Unavailable: nobody has agreed in time.
            PaddockError: what the exchange came to.
        """
        if not door.wait(self.patience / SECOND) and not door.settle():
            raise Unavailable("nobody has agreed at GitHub, and nothing was made: call `paddock github setup` again")
        door.settle()
        if self.failure is not None:
            door.last_look(LAST_LOOK / SECOND)
            raise self.failure
        assert self.made is not None, "an exchange ends with an App or with a failure"
        return self.made

    def installed(self, app: NewApp, door: Door) -> list[Installation]:
        """Wait until it is installed somewhere, and say where.

        Raises:
            Unavailable: it was not installed in time.
        """
        deadline = self.clock.now() + self.patience
        with self._itself(app) as itself:
            found = self._somewhere(itself, deadline, app)
            told = [line for one in found for line in self._about(itself, one)]
        for line in told:
            self.said(line)
        door.show(View(Stage.INSTALLED, title="Installed", lines=told))
        door.last_look(LAST_LOOK / SECOND)
        return found

    def left(self) -> str:
        """What is to be done when somebody breaks off now."""
        if self.made is None:
            return "nothing was made: call `paddock github setup` again"
        if not self.kept:
            return f"the App {self.made.slug} is made; see above where its secrets are"
        return f"the App {self.made.slug} is made, and its secrets are kept: install it at {self.made.install_url}"

    def _exchange(self, code: str) -> View:
        """In the server's thread, once: whoever stops us waits for it."""
        try:
            app = convert(self.wanted.endpoints, code, clock=self.clock, sleeper=self.sleeper, chance=self.chance)
            self.made = app
            kept = Kept(app.pem, app.webhook_secret or f"{self.ids.token()}{self.ids.token()}")
            in_safety(app, kept, self.keeper, self.folders, settings_url(self.wanted.endpoints, app.owner, app.slug))
            self.kept = True
        except PaddockError as error:
            self.failure = error
            raise
        except Exception as error:
            # Its text may hold what was on its way.
            self.failure = Unavailable(f"a fault of Paddock's own stopped it: {type(error).__name__}")
            raise
        if app.webhook_secret is None:
            self._tell_secret(app, kept.webhook_secret)
        return View(Stage.MADE, link=app.install_url)

    def _tell_secret(self, app: NewApp, secret: str) -> None:
        """GitHub made no secret for the webhook: it gets ours."""
        try:
            with self._itself(app) as itself:
                itself.set_webhook(secret=secret)
        except PaddockError as error:
            page = settings_url(self.wanted.endpoints, app.owner, app.slug)
            self.said(f"GitHub was not told the webhook's secret ({error}): set the one that was kept, on {page}")

    def _itself(self, app: NewApp) -> AppItself:
        return AppItself(
            self.wanted.endpoints, app.credentials, clock=self.clock, sleeper=self.sleeper, chance=self.chance
        )

    def _somewhere(self, itself: AppItself, deadline: Moment, app: NewApp) -> list[Installation]:
        why = ""
        while True:
            try:
                found = itself.installations()
                why = ""
            except _PASSING as error:
                found, why = [], f" ({error})"
            if found:
                return found
            if self.clock.now() >= deadline:
                raise Unavailable(
                    f"the App is not installed yet{why}: all else is done. Install it at {app.install_url}"
                )
            self.sleeper.sleep(self.look)

    def _about(self, itself: AppItself, found: Installation) -> list[str]:
        whose = "all repositories" if found.repository_selection == "all" else "selected repositories"
        lines = [f"installed on {found.account.login} (installation {found.id}), for {whose}"]
        if found.suspended_at is not None:
            return [f"{lines[0]}, but suspended: unsuspend it at GitHub"]
        try:
            names = itself.repositories(found.account.login)
        except _PASSING as error:
            return [*lines, f"  its repositories cannot be listed now: {error}"]
        more = [f"  … and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
        return [*lines, *(f"  {name}" for name in names[:MOST_NAMED]), *more]
