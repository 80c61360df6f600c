"""``paddock acceptance``: try a throw-away fleet on AWS with real workflows, judge it, and remove it."""

import os
import sys
from collections.abc import Iterator
from getpass import getpass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from paddock.adapters.config import load
from paddock.adapters.github.paths import repository_scope
from paddock.adapters.system import RandomIds, SystemClock
from paddock.core.errors import InvalidInput
from paddock.core.units import money_text, span_text
from paddock.entrypoints.acceptance.estimate import estimated
from paddock.entrypoints.acceptance.gates import Thresholds, Verdict, judge
from paddock.entrypoints.acceptance.play import Playing
from paddock.entrypoints.acceptance.scenarios import Scenario, chosen
from paddock.entrypoints.acceptance.values import Observed
from paddock.entrypoints.cli.acceptance_view import (
    GITHUB,
    checked_output,
    cleaning,
    cleaning_told,
    cut_off_told,
    left_told,
    report_told,
    teller,
    terminated_is_interrupted,
)
from paddock.entrypoints.cli.extra import on_aws
from paddock.entrypoints.cli.stack import Build, Settings, Yes, agreed
from paddock.entrypoints.cli.styles import console, told

if TYPE_CHECKING:
    from paddock.entrypoints.aws_acceptance.opening import Opened, Wish
    from paddock.entrypoints.aws_stack.places import Places

TOKEN: Final = "GITHUB_TOKEN"  # noqa: S105 - the name of a variable
_BUILD = Path("build")
_HERE = Path()


def acceptance(  # noqa: PLR0913 - each is an option
    *,
    repo: Annotated[str, Parameter(name="--repo")],
    env: Annotated[str, Parameter(name=["--env", "-e"])] = "",
    region: Annotated[str, Parameter(name="--region")] = "",
    only: Annotated[tuple[str, ...], Parameter(name="--only", negative="", consume_multiple=True)] = (),
    keep: Annotated[bool, Parameter(name="--keep", negative="")] = False,
    clean: Annotated[bool, Parameter(name="--clean", negative="")] = False,
    config: Annotated[Path | None, Parameter(name=["--config", "-c"])] = None,
    settings: Settings = None,
    build: Build = _BUILD,
    arch: Annotated[str, Parameter(name="--arch")] = "x64",
    github: Annotated[str, Parameter(name="--github")] = GITHUB,
    output: Annotated[Path, Parameter(name="--output")] = _HERE,
    yes: Yes = False,
) -> int:
    """Deploy a throw-away fleet, run real workflows on it, judge what came of them, and remove everything.

    It says first what it will do, about what that costs, and how long it takes. A person's token for the repository
    is read from GITHUB_TOKEN, else from standard input. docs/acceptance.md says what it must be allowed.

    Parameters
    ----------
    repo
        The repository whose workflows are run, as owner/name.
    env
        The throw-away environment's name, acceptance-…; made up if left out.
    region
        AWS's region; that of AWS's own configuration if left out.
    only
        Only these scenarios: hello, matrix, failing, cancelled, interrupted.
    keep
        Remove nothing in the end.
    clean
        Only remove what an earlier acceptance of this environment has left: neither packages nor --config are read.
    config
        A paddock.yml for the fleet, with your App in it; without it the token registers runners.
    settings
        A stack.yml that has the environment, for a network of your own or a permissions boundary.
    build
        Where `paddock stack package` has put the bundles and the agent.
    arch
        The machines' processor: x64 or arm64.
    github
        Where GitHub is.
    output
        The directory for the report.
    yes
        Do not ask.
    """
    scenarios = chosen(only)
    repository_scope(repo)
    if clean and not env:
        raise InvalidInput("--env", env, "must name the environment that is to be cleaned up")
    if not clean:
        checked_output(output)
    with on_aws():
        from paddock.entrypoints.aws_acceptance.opening import checked_environment, parts_of  # noqa: PLC0415 - an extra
        from paddock.entrypoints.aws_stack.places import signed_in  # noqa: PLC0415 - as above
    name = checked_environment(env or f"acceptance-{RandomIds().token()[:4]}")
    wish = _wish(
        repo,
        name,
        region,
        settings=settings,
        build=None if clean else build,
        arch=arch,
        github=github,
        config=None if clean else config,
    )
    places = signed_in(wish.settings.region)
    out = console()
    for line in _plan(wish, places, scenarios, clean=clean, keep=keep):
        out.print(told(line))
    question = "Remove it?" if clean else "Do it?"
    if not yes and not agreed(question, "y"):
        out.print("nothing was done")
        return 1
    again = f"{TOKEN}=… {cleaning(repo, name, places.region, settings=settings, github=github)}"
    with (
        TemporaryDirectory() as folder,
        terminated_is_interrupted(),
        parts_of(wish, places, os.environ, Path(folder), teller(out)) as opened,
    ):
        playing = Playing(opened.parts, scenarios, keep=keep)
        return _cleaned(opened, playing, again) if clean else _accepted(opened, playing, wish, output, again)


def _wish(
    repo: str,
    name: str,
    region: str,
    *,
    settings: Path | None,
    build: Path | None,
    arch: str,
    github: str,
    config: Path | None,
) -> "Wish":
    import attrs  # noqa: PLC0415 - needed only here

    from paddock.core.spec import Arch  # noqa: PLC0415 - as above
    from paddock.entrypoints.aws_acceptance.opening import Wish, checked_config  # noqa: PLC0415 - boto3 is an extra
    from paddock.entrypoints.aws_stack.packages import packages  # noqa: PLC0415 - as above
    from paddock.entrypoints.aws_stack.settings import stack_settings  # noqa: PLC0415 - as above

    if arch not in tuple(Arch):
        raise InvalidInput("--arch", arch, f"must be {' or '.join(Arch)}")
    chosen_settings = stack_settings(name, settings)
    if chosen_settings.protect:
        raise InvalidInput("protect", True, "must be false of an environment that is thrown away")  # noqa: FBT003
    if config is not None:
        checked_config(load(config), repo)
    return Wish(
        repository=repo,
        settings=attrs.evolve(chosen_settings, region=region or chosen_settings.region),
        packages={} if build is None else packages(build),
        token=_token(),
        github=github,
        arch=arch,
        config=config,
    )


def _token() -> str:
    """A person's token: never an argument, where every process could read it.

    Raises:
        InvalidInput: there is none.
    """
    found = os.environ.get(TOKEN, "")
    if not found and sys.stdin.isatty():
        found = getpass("A GitHub token for the repository (docs/acceptance.md): ")
    elif not found:
        found = sys.stdin.readline()
    if not found.strip():
        raise InvalidInput(
            TOKEN, "not set", "must be your token for the repository: docs/acceptance.md lists its rights"
        )
    return found.strip()


def _plan(wish: "Wish", places: "Places", scenarios: tuple[Scenario, ...], *, clean: bool, keep: bool) -> Iterator[str]:
    from paddock.adapters.aws.stack.idle import idle_bill  # noqa: PLC0415 - boto3 is an extra
    from paddock.entrypoints.aws_acceptance.opening import bound  # noqa: PLC0415 - as above
    from paddock.entrypoints.aws_stack.offline import offline  # noqa: PLC0415 - as above

    stack = wish.settings.stack
    where = f"account {places.account}, {places.region}"
    if clean:
        yield f"What is left of {stack} in {where} is removed, and its branch and webhook in {wish.repository}."
        return
    patience = wish.patience
    cost = estimated(scenarios, idle_bill(offline(wish.settings)).total, patience, wish.arch)
    yield f"1. {stack} is made in {where}, by the code of `paddock stack deploy`."
    yield f"2. {wish.repository} gets a webhook, and a branch with workflows that its default branch has not:"
    for scenario in scenarios:
        yield f"   {scenario.name}: {scenario.about}"
    yield "3. What came of them is judged, and reported."
    yield "4. " + (
        "Nothing is removed (--keep): it goes on costing." if keep else "All of it is removed, whatever happens."
    )
    yield (
        f"It costs about {money_text(cost.cost)} ({cost.machines} machines, list prices of us-east-1), and takes "
        f"about half an hour, {span_text(cost.span)} if all goes slowly. "
        f"The fleet's paddock.yml bounds it: {bound(wish)}."
    )


def _cleaned(opened: "Opened", playing: Playing, again: str) -> int:
    try:
        opened.adopt(playing.note)
        playing.remove()
    except KeyboardInterrupt:
        cut_off_told(again)
        raise
    return left_told(playing.left, again) or cleaning_told(playing.problems, again)


def _accepted(opened: "Opened", playing: Playing, wish: "Wish", output: Path, again: str) -> int:
    from paddock.entrypoints.aws_acceptance.opening import versions  # noqa: PLC0415 - boto3 is an extra

    clock = SystemClock()
    began = clock.now()
    try:
        playing.run()
    except KeyboardInterrupt:
        cut_off_told(again)
        raise
    finally:
        seen = Observed(
            environment=wish.settings.environment,
            region=opened.environment.work.places.region,
            repository=wish.repository,
            began=began,
            ended=clock.now(),
            played=tuple(playing.played.values()),
            books=playing.books,
            left=playing.left,
            chosen=tuple(playing.scenarios),
            kept=playing.keep,
            problems=tuple(playing.problems),
            versions=versions(wish.packages),
        )
        judged = judge(seen, Thresholds())
        report_told(seen, judged, output)
    if playing.keep:
        console().print(told(f"it goes on costing until it is removed: {again}"))
    elif left_told(playing.left, again):
        return 1
    return 0 if all(one.verdict is Verdict.PASSED for one in judged) else 1
