"""An acceptance put together: who signs in, the throw-away fleet's configuration, and all parts of the play."""

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import attrs

from paddock.adapters.config import Config, load
from paddock.adapters.github.auth import TokenCredentials
from paddock.adapters.github.authors import RestAuthor
from paddock.adapters.github.client import GitHub, connect
from paddock.adapters.github.endpoints import endpoints_of
from paddock.adapters.github.paths import repository_scope
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.core.errors import InvalidInput, NotFound, PaddockError
from paddock.core.ports.github import Scope
from paddock.core.settings import ScopeKind
from paddock.core.units import DOLLAR, MicroDollars, money_text
from paddock.entrypoints.acceptance.play import Parts, Patience
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.acceptance.repository import Repository
from paddock.entrypoints.aws_acceptance.environment import StackEnvironment
from paddock.entrypoints.aws_acceptance.interrupter import FisInterrupter
from paddock.entrypoints.aws_acceptance.observer import FleetObserver
from paddock.entrypoints.aws_operator import open_stack
from paddock.entrypoints.aws_stack.deploy import Deployment, secrets_of
from paddock.entrypoints.aws_stack.exported import variables_of
from paddock.entrypoints.aws_stack.packages import Package
from paddock.entrypoints.aws_stack.places import Places
from paddock.entrypoints.aws_stack.settings import StackSettings
from paddock.entrypoints.containers import State

NAME: Final = "acceptance"
TOKEN: Final = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable
_HOOK: Final = "PADDOCK_ACCEPTANCE_HOOK"
MACHINES: Final = 12
DOLLARS: Final = 5  # a day
_CONFIG: Final = """\
version: 1
github:
  url: {url}
  webhook_secret: {{env: {hook}}}
  token: {{env: {token}}}
  repositories: [{repository}]
environments: {{unnamed: false}}
limits: {{machines: {machines}, spend_per_day_usd: {dollars}}}
"""


@attrs.frozen(kw_only=True)
class Wish:
    """What is asked for. ``token`` is a person's, for the repository; ``config`` None: a fleet that has this token."""

    repository: str
    settings: StackSettings
    packages: Mapping[str, Package]
    token: str = attrs.field(repr=False)
    github: str = "https://github.com"
    arch: str = "x64"
    config: Path | None = None
    patience: Patience = attrs.field(factory=Patience)


def checked_environment(name: str) -> str:
    """The name, if it is one that may be thrown away.

    Raises:
        InvalidInput: it might be somebody's.
    """
    if name != NAME and not name.startswith(f"{NAME}-"):
        raise InvalidInput(
            "--env", name, f"must be {NAME} or begin with {NAME}-: the environment is removed in the end"
        )
    return name


def fleets(wish: Wish, environ: Mapping[str, str], folder: Path) -> tuple[Config, dict[str, str]]:
    """The throw-away fleet's paddock.yml, and the environment with which its secrets are read.

    Raises:
        InvalidInput: the configuration does not serve the repository.
    """
    hook = RandomIds().token()
    given = {**environ, TOKEN: wish.token, _HOOK: hook}
    if wish.config is None:
        file = folder / "paddock.yml"
        text = _CONFIG.format(
            url=wish.github,
            hook=_HOOK,
            token=TOKEN,
            repository=wish.repository,
            machines=MACHINES,
            dollars=DOLLARS,
        )
        file.write_text(text, encoding="utf-8")
        return load(file), given
    return load(wish.config), given


def bound(wish: Wish) -> str:
    """What the fleet's own paddock.yml lets it launch and spend, in words."""
    machines: int | None = MACHINES
    spend: MicroDollars | None = DOLLARS * DOLLAR
    if wish.config is not None:
        limits = load(wish.config).settings.limits
        machines, spend = limits.machines, limits.spend_per_day
    return f"{machines} machines at once and {'no limit' if spend is None else money_text(spend)} a day"


def checked_config(config: Config, repository: str) -> None:
    """Refuse a paddock.yml whose fleet would take jobs besides the acceptance's: the removal kills them.

    Raises:
        InvalidInput: it has no bound, a pool, another repository, or takes jobs that name no environment.
    """
    settings, limits = config.settings, config.settings.limits
    needed = f"of a fleet that is thrown away; write `repositories: [{repository}]`"
    if [name.casefold() for name in settings.repositories] != [repository.casefold()]:
        raise InvalidInput("github.repositories", list(settings.repositories), f"must be --repo and no other {needed}")
    if settings.environments.unnamed:
        raise InvalidInput(
            "environments.unnamed",
            settings.environments.unnamed,
            "must be false, or other jobs die with the fleet; write `environments: {unnamed: false}`",
        )
    if settings.pools:
        raise InvalidInput(
            "pools", sorted(settings.pools), "must be left out: a pool costs and serves nobody; remove `pools:`"
        )
    for field, value, line in (
        ("limits.machines", limits.machines, "machines: 12"),
        ("limits.spend_per_day_usd", limits.spend_per_day, "spend_per_day_usd: 5"),
    ):
        if value is None:
            raise InvalidInput(field, value, f"must bound what is thrown away; write `{line}` under `limits`")


@attrs.frozen(kw_only=True)
class Opened:
    """All parts, and those of them that can take for their own what an earlier acceptance left."""

    parts: Parts
    environment: StackEnvironment
    repository: Repository
    interrupter: FisInterrupter
    observer: FleetObserver

    def adopt(self, note: Callable[[PaddockError], None]) -> None:
        """Let a removal remove what is there of the environment, whoever made it.

        Args:
            note: is told what cannot be looked for; that keeps nothing else from being removed.
        """
        self.environment.begun = True
        for adopt in (partial(self.repository.adopt, note), self.interrupter.adopt):
            try:
                adopt()
            except PaddockError as error:
                note(error)


@contextmanager
def parts_of(wish: Wish, places: Places, environ: Mapping[str, str], folder: Path, tell: Tell) -> Iterator[Opened]:
    """All parts, while inside; nothing is asked of anybody yet.

    Args:
        wish: what is asked for.
        places: the account and the region.
        environ: the environment, in which a configuration's secrets may be.
        folder: one that is nobody's, for the generated paddock.yml.
        tell: is told in words what is done.
    """
    config, given = fleets(wish, environ, folder)
    clock, sleeper, ids = SystemClock(), SystemSleeper(), RandomIds()
    secrets = secrets_of(config, given)
    work = Deployment(
        places=places,
        settings=wish.settings,
        config=config,
        packages=wish.packages,
        clock=clock,
        sleeper=sleeper,
        ids=ids,
        secrets=secrets,
    )
    with ExitStack() as stack:
        client: GitHub = stack.enter_context(
            connect(
                endpoints_of(wish.github),
                TokenCredentials(wish.token),
                clock=clock,
                sleeper=sleeper,
                chance=SystemChance(),
            )
        )
        scope = repository_scope(wish.repository)
        organisation = config.settings.scope is ScopeKind.ORGANIZATION
        environment = StackEnvironment(work=work)
        observer = FleetObserver(
            places=places, stack=wish.settings.stack, opened=partial(opened, places, wish.settings.stack)
        )
        stack.callback(observer.close)
        repository = Repository(
            author=RestAuthor(client.api, wish.repository),
            runners=client.runners,
            scopes=(Scope(scope.owner),) if organisation else (scope,),
            environment=wish.settings.environment,
            token=ids.token()[:8],
            arch=wish.arch,
            hook_secret=secrets["WebhookSecret"],
        )
        interrupter = FisInterrupter(
            places=places,
            stack=wish.settings.stack,
            clock=clock,
            sleeper=sleeper,
            ids=ids,
            boundary=wish.settings.permissions_boundary,
        )
        parts = Parts(
            environment=environment,
            workflows=repository,
            interrupter=interrupter,
            observer=observer,
            clock=clock,
            sleeper=sleeper,
            tell=tell,
            patience=wish.patience,
        )
        yield Opened(
            parts=parts, environment=environment, repository=repository, interrupter=interrupter, observer=observer
        )


def opened(places: Places, stack: str) -> AbstractContextManager[State]:
    """The fleet's state, as `paddock explain --profile aws` opens it.

    Raises:
        NotFound: there is no such stack.
    """
    standing = places.stacks.find(stack)
    if standing is None:
        raise NotFound(f"there is no stack {stack} in {places.region}")
    silent: Callable[[str, int], None] = lambda _group, _found: None  # noqa: E731 - it is told to nobody
    return open_stack(variables_of(standing, places.region), silent)


def versions(packages: Mapping[str, Package]) -> dict[str, str]:
    """What was tried, for whoever reads the report elsewhere."""
    found = {"paddock": version("paddock"), "boto3": version("boto3"), "python": platform.python_version()}
    return {**found, **{name: one.sha256[:16] for name, one in sorted(packages.items())}}
