"""``paddock doctor``: is everything that a fleet needs there, and what is to be done if not."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from os import environ
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paddock.adapters.report.findings import findings_data
from paddock.adapters.system import SystemClock
from paddock.core.errors import InvalidInput
from paddock.core.health.finding import Check, Finding, Verdict, diagnose, well
from paddock.entrypoints.cli.extra import on_aws
from paddock.entrypoints.cli.stack import ConfigFile, Settings, stack_chosen
from paddock.entrypoints.cli.state import AsJson
from paddock.entrypoints.cli.styles import console, told
from paddock.entrypoints.cli.where import Profile, ProfileName, Where
from paddock.entrypoints.doctor.github import GitHubSide, Known

_SIGNS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.OK: ("✓", "green"),
    Verdict.WARN: ("!", "yellow"),
    Verdict.FAIL: ("✗", "bold red"),
    Verdict.UNKNOWN: ("?", "magenta"),
}
_LONGEST = 1_000
_NAME_WIDTH = 20
_PREFIX = "paddock-"


def doctor(
    *,
    env: Annotated[str | None, Parameter(name=["--env", "-e"])] = None,
    profile: ProfileName = None,
    config: ConfigFile = Path("paddock.yml"),
    settings: Settings = None,
    build: Annotated[Path, Parameter(name="--build")] = Path("build"),
    json_: AsJson = False,
) -> int:
    """Look at everything that a fleet needs, and say how to mend what is wrong. Nothing is changed.

    The exit code is 0 if everything could be looked at and nothing fails, though there may be warnings; 1 otherwise.

    Parameters
    ----------
    env
        The environment of a stack, such as dev or prod.
    profile
        Which fleet, without --env: local, on this machine, or aws, the stack that PADDOCK_STACK names; what
        PADDOCK_PROFILE says if not named.
    config
        The fleet's paddock.yml. Of a stack the deployed one is judged, and this one compared with it.
    settings
        The file that says in what environments differ; stack.yml if it is there.
    build
        Where `paddock stack package` has put what is compared with what is deployed.
    json_
        Print what was found as JSON instead, for scripts.
    """
    with ExitStack() as opened:
        fleet, checks = _patient(env, profile, config, settings, build, opened)
        found: list[Finding] = []
        with _progress() as looking:
            for alike in _alike(diagnose(checks, looking)):
                found += alike
                if not json_:
                    _show(alike)
    if json_:
        print(json.dumps(findings_data(found, fleet, SystemClock().now()), indent=2))
    else:
        console().print(told(_summary(fleet, found)))
    return 0 if well(found) else 1


def _patient(
    env: str | None, profile: str | None, config: Path, settings: Path | None, build: Path, opened: ExitStack
) -> tuple[str, Sequence[Check]]:
    """What the fleet is called, and the checks of it."""
    if env is not None and profile is not None:
        raise InvalidInput("--profile", profile, "or --env must be left out: a stack is named by its environment")
    if env is None and Where.chosen(None, profile).profile is Profile.LOCAL:
        return str(config), _local(config, opened)
    return _on_aws(env, config, settings, build, opened)


def _local(config: Path, opened: ExitStack) -> Sequence[Check]:
    from paddock.entrypoints.doctor.local import LocalSide  # noqa: PLC0415 - a fleet on AWS has none of it
    from paddock.entrypoints.local.factories import make_credentials  # noqa: PLC0415 - as above

    side, clock = LocalSide(config, SystemClock(), environ), SystemClock()

    def pinned() -> str:
        pin = side.config().local.runner
        return "" if pin is None else pin.version

    known = Known(
        config=side.config,
        credentials=lambda: make_credentials(side.config()),
        url=lambda: "",
        clock=clock,
        pinned=pinned,
    )
    return [*side.checks(), *GitHubSide(known, opened).checks()]


def _on_aws(
    env: str | None, config: Path, settings: Path | None, build: Path, opened: ExitStack
) -> tuple[str, Sequence[Check]]:
    if env is None:
        stack, region = environ.get("PADDOCK_STACK", ""), environ.get("AWS_REGION", "")
        if not stack:
            right = "must name the stack, or --env its environment: `paddock stack status --env NAME` prints it"
            raise InvalidInput("PADDOCK_STACK", stack, right)
    else:
        chosen = stack_chosen(env, settings)
        stack, region = chosen.stack, chosen.region
    with on_aws():
        from paddock.entrypoints.aws_stack.places import signed_in  # noqa: PLC0415 - boto3 is an extra
        from paddock.entrypoints.doctor.aws import AwsSide, Here  # noqa: PLC0415 - as above
    places = signed_in(region)
    side = AwsSide(places, stack, Here(config=config, build=build), SystemClock(), environ)
    known = Known(config=side.config, credentials=side.credentials, url=side.url, clock=SystemClock(), env=side.env)
    return stack, [*side.checks(), *GitHubSide(known, opened).checks()]


@contextmanager
def _progress() -> Iterator[Callable[[str], object]]:
    """Tells on a terminal's stderr what is looked at; elsewhere nothing."""
    terminal = Console(stderr=True)
    if not terminal.is_terminal:
        yield lambda _name: None
        return
    with terminal.status("looking …") as shown:
        yield lambda name: shown.update(f"looking: {name} …")


def _alike(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    """Those one after another that lack the same are one list: twenty checks may need one file. Others stand alone."""
    for (verdict, _, _), alike in groupby(findings, key=lambda one: (one.verdict, one.found, one.fix)):
        if verdict is Verdict.UNKNOWN:
            yield list(alike)
        else:
            yield from ([one] for one in alike)


def _show(alike: Sequence[Finding]) -> None:
    one = alike[0]
    sign, style = _SIGNS[one.verdict]
    out = console()
    name = f"{sign} {one.check:<{_NAME_WIDTH}}"
    if len(alike) > 1:
        out.print(told(f"{sign} {' · '.join(each.check for each in alike)}", style, _LONGEST))
        name = ""
    out.print(_beside(told(name, style), told(one.found, style, _LONGEST)))
    if one.fix:
        out.print(_beside(Text(), told(f"→ {one.fix}", "", _LONGEST)))


def _beside(name: Text, words: Text) -> Table:
    """A name, and words that stay beside it when they wrap."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, min_width=_NAME_WIDTH + 2)
    grid.add_column(overflow="fold")
    grid.add_row(name, words)
    return grid


def _summary(fleet: str, found: Sequence[Finding]) -> str:
    counts = {verdict: sum(1 for one in found if one.verdict is verdict) for verdict in Verdict}
    words = {
        Verdict.FAIL: "{} to be mended",
        Verdict.UNKNOWN: "{} could not be looked at",
        Verdict.WARN: "{} worth a look",
    }
    told_ = [text.format(counts[verdict]) for verdict, text in words.items() if counts[verdict]]
    return f"{fleet}: {', '.join(told_) or 'all is well'}"
