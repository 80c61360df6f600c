"""``paddock github``: a GitHub App is made with a few clicks, and its webhook is told where to go."""

import sys
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import environ
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from paddock.adapters.app_setup import Door, Keeper, lines
from paddock.adapters.github.auth import AppCredentials
from paddock.adapters.github.itself import AppItself
from paddock.adapters.github.manifest import (
    LONGEST_NAME,
    NO_URL,
    NewApp,
    Wanted,
    checked_webhook,
    settings_url,
)
from paddock.adapters.system import RandomIds, SystemChance, SystemClock, SystemSleeper
from paddock.core.errors import InvalidInput
from paddock.core.units import MINUTE
from paddock.entrypoints.cli.extra import on_aws
from paddock.entrypoints.cli.stack import stack_chosen
from paddock.entrypoints.cli.styles import console, told
from paddock.entrypoints.github_setup import Chosen, Setup, check_writable, chosen, written

if TYPE_CHECKING:
    from paddock.adapters.aws.cloudformation import Standing
    from paddock.entrypoints.aws_stack.places import Places

Env = Annotated[str | None, Parameter(name=["--env", "-e"])]
Settings = Annotated[Path | None, Parameter(name="--settings")]
ConfigFile = Annotated[Path, Parameter(name=["--config", "-c"])]

_CONFIG = Path("paddock.yml")
_LAST_PORT = 65_535


def setup(  # noqa: PLR0913 - its options
    *,
    org: str = "",
    env: Env = None,
    webhook_url: str | None = None,
    config: ConfigFile = _CONFIG,
    settings: Settings = None,
    write: Annotated[bool, Parameter(name="--write", negative="")] = False,
    replace: Annotated[bool, Parameter(name="--replace", negative="")] = False,
    name: str | None = None,
    github: str | None = None,
    scope: str | None = None,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default="--browser")] = True,
    port: int = 0,
    minutes: int = 60,
) -> int:
    """Make the fleet's GitHub App: a page on this machine shows what it may do, GitHub asks you, and that is it.

    Its private key and its webhook's secret go straight to where the fleet reads them, and are shown nowhere. Then it
    waits until you have installed the App, and says where.

    Parameters
    ----------
    org
        The organisation that is to own the App, and can install it; without one it is your own account's.
    env
        The environment whose stack it is for: the secrets go to Secrets Manager, and webhooks to the stack. Without
        one it is for `paddock local`: the secrets go to the files that paddock.yml names.
    webhook_url
        Where GitHub sends webhooks, such as https://ci.example.com/webhook. With --env: the stack's address.
    config
        The fleet's paddock.yml, if there is one: it says which GitHub, where runners are registered, and which files.
    settings
        The file that says in what environments differ; stack.yml if it is there.
    write
        Put the App's lines into paddock.yml, or make one; otherwise they are printed.
    replace
        Overwrite another App's secrets with the new one's.
    name
        The App's name, unique at GitHub; it can still be changed on GitHub's page.
    github
        Which GitHub, where paddock.yml does not say: https://github.com, or your Enterprise Server.
    scope
        Where runners are registered, where paddock.yml does not say: repository or organization.
    browser
        Open the page in a browser; --no-browser only prints its address.
    port
        The page's port; any free one if left out.
    minutes
        For how long it waits, for your consent and then for the installation. GitHub's own limit is an hour.
    """
    if not 0 <= port <= _LAST_PORT:
        raise InvalidInput("--port", port, f"must be from 0 (any free one) to {_LAST_PORT}")
    found = chosen(config, github, scope)
    if write:
        check_writable(found)
    ids = RandomIds()
    keeper, url = _keeper(found, env, settings, replace=replace)
    url = checked_webhook(webhook_url) if webhook_url is not None else url
    out = console()
    work = Setup(
        wanted=Wanted(
            endpoints=found.endpoints,
            scope=found.scope,
            name=name or f"paddock-{env or 'local'}-{org or ids.token()[:6]}"[:LONGEST_NAME].rstrip("-"),
            org=org,
            webhook_url=url,
        ),
        keeper=keeper,
        folders=(found.folder, Path.home(), Path(gettempdir())),
        said=lambda line: out.print(told(line)),
        clock=SystemClock(),
        sleeper=SystemSleeper(),
        chance=SystemChance(),
        ids=ids,
        patience=_patience(minutes),
        port=port,
    )
    try:
        with _door(work, port) as door:
            out.print(told(f"open {door.url}"))
            if browser and not webbrowser.open(door.url):
                out.print(told("no browser could be opened here: open the address yourself"))
            app = work.agreed(door)
            _made(work, app, found, env, write=write)
            work.installed(app, door)
    except KeyboardInterrupt:
        print(f"paddock: {work.left()}", file=sys.stderr)
        raise
    return 0


def webhook(
    *, webhook_url: str | None = None, env: Env = None, config: ConfigFile = _CONFIG, settings: Settings = None
) -> int:
    """Say where the App's webhooks go, or have them go elsewhere.

    Parameters
    ----------
    webhook_url
        Where they are to go.
    env
        The environment whose stack the App is for: its webhooks are to go there, and its key is in Secrets Manager.
    config
        The fleet's paddock.yml, which names the App.
    settings
        The file that says in what environments differ; stack.yml if it is there.
    """
    found = chosen(config, None, None)
    number, reference = found.app()
    if env is None:
        key, url = reference.read(environ), ""
    else:
        places, standing = _stack(env, settings)
        from paddock.entrypoints.aws_stack.secrets import GITHUB, text_of  # noqa: PLC0415 - boto3 is an extra

        key, url = text_of(places, standing.outputs[GITHUB]) or "", standing.outputs["WebhookUrl"]
        if not key:
            raise InvalidInput("--env", env, f"has no key of an App yet: `paddock github setup --env {env}` makes one")
    url = checked_webhook(webhook_url) if webhook_url is not None else url
    out = console()
    with AppItself(
        found.endpoints,
        AppCredentials(number, key),
        clock=SystemClock(),
        sleeper=SystemSleeper(),
        chance=SystemChance(),
    ) as itself:
        before = itself.webhook_url()
        if not url:
            out.print(told(f"webhooks go to {before}" if before not in ("", NO_URL) else "webhooks go nowhere yet"))
            return 0
        after = before if before == url else itself.set_webhook(url)
        out.print(
            told(f"webhooks go to {after}" + (" already" if after == before else f"; before: {before or 'nowhere'}"))
        )
        if before in ("", NO_URL):
            about = itself.about()
            page = settings_url(found.endpoints, about.owner, about.slug)
            out.print(told(f"the App was made with its webhook switched off: tick Active under Webhook on {page}"))
    return 0


@contextmanager
def _door(work: Setup, port: int) -> Iterator[Door]:
    """The page, open; an address that cannot be had is told by the option that names it."""
    try:
        door = work.door()
    except InvalidInput as error:
        if error.field != "listen":
            raise
        raise InvalidInput("--port", port, error.remedy) from None
    with door:
        yield door


def _patience(minutes: int) -> int:
    if not 1 <= minutes <= 24 * 60:
        raise InvalidInput("--minutes", minutes, "must be from 1 to 1440")
    return minutes * MINUTE


def _stack(env: str, settings: Path | None) -> "tuple[Places, Standing]":
    with on_aws():
        from paddock.entrypoints.aws_stack.places import signed_in  # noqa: PLC0415 - boto3 is an extra
        from paddock.entrypoints.aws_stack.secrets import standing_of  # noqa: PLC0415 - as above
    picked = stack_chosen(env, settings)
    places = signed_in(picked.region)
    return places, standing_of(places, picked.stack, env)


def _keeper(found: Chosen, env: str | None, settings: Path | None, *, replace: bool) -> tuple[Keeper, str]:
    """Where the secrets go, and where webhooks go as far as that is known."""
    if env is None:
        return found.files(replace=replace), ""
    places, standing = _stack(env, settings)
    from paddock.entrypoints.aws_stack.secrets import StackKeeper  # noqa: PLC0415 - boto3 is an extra

    return StackKeeper(places, standing.outputs, replace), standing.outputs["WebhookUrl"]


def _names_it(found: Chosen, values: Mapping[tuple[str, ...], str], app: NewApp) -> bool:
    """Put the App's lines into paddock.yml, and tell what came of it. The App is made: nothing may end us here."""
    try:
        done = written(found, values, app.owner.login)
        said = "names it" if done else "has no place for it: change it by hand"
    except OSError as error:
        done, said = False, f"cannot be written ({error.strerror})"
    console().print(told(f"{found.file} {said}"))
    return done


def _made(work: Setup, app: NewApp, found: Chosen, env: str | None, *, write: bool) -> None:
    """Tell what was made, and what paddock.yml must say of it."""
    out = console()
    out.print(told(f"the App {app.slug} ({app.id}) of {app.owner.login} is made"))
    for place in work.keeper.places:
        out.print(told(f"  {place}"))
    values: Mapping[tuple[str, ...], str] = {**work.keeper.references, ("github", "app", "id"): str(app.id)}
    if not (write and _names_it(found, values, app)):
        out.print(told(f"{found.file} must say:"))
        print(lines(values), end="", flush=True)
    if not work.wanted.webhook_url:
        words = f" --env {env}" if env else " --webhook-url https://…/webhook"
        out.print(told(f"its webhook is switched off, as it has no address yet; later: paddock github webhook{words}"))
    if env:
        out.print(told(f"then bring {found.file} to the stack: paddock stack deploy --env {env} --no-secrets"))
    out.print(told(f"now install it at {app.install_url} (this waits; Ctrl-C loses nothing)"))
