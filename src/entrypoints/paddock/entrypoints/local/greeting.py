"""Before a fleet listens: does GitHub know us, and may we do what the fleet does? Better now than at the first job."""

import attrs

from paddock.adapters.config import Config
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.identity import identify
from paddock.core.errors import AccessDenied, PaddockError
from paddock.core.ports.github import Scope
from paddock.core.ports.system import Clock
from paddock.entrypoints.local.factories import make_credentials

_GLOB = frozenset("*?[")


@attrs.frozen
class Greeting:
    """``line`` says who we are; ``warnings`` what the fleet has to do without."""

    line: str
    warnings: tuple[str, ...] = ()


def greet(config: Config, clock: Clock) -> Greeting:
    """Ask GitHub who we are. If it cannot be asked now, the fleet starts all the same: it heals itself later.

    Raises:
        AccessDenied: GitHub does not know us, or we may not register runners; with everything that is wrong.
        InvalidInput: the credentials cannot be used as they are.
    """
    github = config.github
    try:
        found = identify(
            endpoints_of(github.url), make_credentials(config), targets_of(config), config.settings.scope, clock
        )
    except PaddockError as error:
        if not error.retryable:
            raise
        return Greeting(f"{github.url} cannot be asked now", (f"{error}; the fleet starts all the same",))
    if found.wrong:
        raise AccessDenied("\n".join(f"{github.url}: {problem}" for problem in (*found.wrong, *found.lacking)))
    return Greeting(f"{github.url} as {found.who}", found.lacking)


def targets_of(config: Config) -> tuple[Scope, ...]:
    """The owners and single repositories that the file names without globs, each once."""
    found: dict[str, Scope] = {}
    for glob in config.settings.repositories:
        owner, _, name = glob.partition("/")
        if not set(owner) & _GLOB:
            scope = Scope(owner, "" if set(name) & _GLOB else name)
            found.setdefault(owner.casefold(), scope)
    return tuple(found.values())
