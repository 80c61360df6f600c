"""``paddock stack``: a fleet on AWS is made, changed, looked at, priced and removed, one environment at a time."""

import sys
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.text import Text

from paddock.adapters.aws.stack import body
from paddock.adapters.aws.stack.idle import idle_bill
from paddock.adapters.config import InvalidConfig, load, validate
from paddock.adapters.system import RandomIds, SystemClock, SystemSleeper
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.units import money_text
from paddock.entrypoints.aws_stack.making import make_packages
from paddock.entrypoints.aws_stack.offline import offline
from paddock.entrypoints.aws_stack.packages import packages
from paddock.entrypoints.aws_stack.settings import StackSettings, stack_settings
from paddock.entrypoints.cli.config import checked_path
from paddock.entrypoints.cli.extra import on_aws
from paddock.entrypoints.cli.stack_progress import followed, resources_of
from paddock.entrypoints.cli.stack_view import bill_of, change_lines, exports, last_failure, outputs_of
from paddock.entrypoints.cli.styles import console, told

if TYPE_CHECKING:
    from paddock.adapters.aws.cloudformation import Standing
    from paddock.entrypoints.aws_stack.deploy import Deployment, Proposal

SETTINGS = Path("stack.yml")
Env = Annotated[str, Parameter(name=["--env", "-e"])]
Settings = Annotated[Path | None, Parameter(name="--settings")]
ConfigFile = Annotated[Path, Parameter(name=["--config", "-c"])]
OptionalConfig = Annotated[Path | None, Parameter(name=["--config", "-c"])]
Export = Annotated[bool, Parameter(name="--export", negative="")]
Build = Annotated[Path, Parameter(name="--build")]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], negative="")]
Secrets = Annotated[bool, Parameter(name="--secrets", negative="--no-secrets", show_default="--secrets")]

_CONFIG = Path("paddock.yml")
_BUILD = Path("build")
_APP_ID = "github.app.id"


def deploy(
    *,
    env: Env,
    config: ConfigFile = _CONFIG,
    settings: Settings = None,
    build: Build = _BUILD,
    secrets: Secrets = True,
    yes: Yes = False,
) -> int:
    """Make an environment's stack, or bring it up to date. What would change is shown first.

    Parameters
    ----------
    env
        The environment, such as dev or prod: everything of it is called paddock-ENV…
    config
        The fleet's paddock.yml. The secrets that it names are read here and put into Secrets Manager.
    settings
        The file that says in what environments differ (docs/deploying.md); stack.yml if it is there.
    build
        Where `paddock stack package` has put the bundles and the agent.
    secrets
        Put the secrets into Secrets Manager; --no-secrets leaves those that are there as they are.
    yes
        Do not ask.
    """
    work = _deployment(env, config, settings, build, secrets=secrets, finished=True)
    proposal = work.propose()
    out = console()
    if not proposal.change_set.empty:
        with work.undecided(proposal):
            _show(proposal)
            wanted = yes or agreed(f"Deploy this to {work.places.account} in {work.places.region}?", "y")
        if not wanted:
            work.discard(proposal)
            out.print("nothing was changed")
            return 1
        with followed(out, {change.name for change in proposal.change_set.changes}) as told_:
            standing = work.carry_out(proposal, told_)
    else:
        _show(proposal)
        assert proposal.standing is not None, "a stack that is not there has everything to change"
        standing = proposal.standing
    for line in work.finish(standing):
        out.print(told(line))
    said = f"{standing.name} is deployed; GitHub's webhooks go to {standing.outputs['WebhookUrl']}"
    out.print(told(said), soft_wrap=True)
    return 0


def diff(*, env: Env, config: ConfigFile = _CONFIG, settings: Settings = None, build: Build = _BUILD) -> int:
    """Show what `paddock stack deploy` would change, and change nothing.

    Bundles and paddock.yml are uploaded for that, beside those of before.

    Parameters
    ----------
    env
        The environment, such as dev or prod.
    config
        The fleet's paddock.yml.
    settings
        The file that says in what environments differ; stack.yml if it is there.
    build
        Where `paddock stack package` has put the bundles and the agent.
    """
    work = _deployment(env, config, settings, build, secrets=False, finished=False)
    proposal = work.propose()
    if proposal.change_set.empty:
        _show(proposal)
        return 0
    with work.undecided(proposal):
        _show(proposal)
    work.discard(proposal)
    return 0


def status(*, env: Env, settings: Settings = None, export: Export = False) -> int:
    """Say how an environment's stack stands, why it failed if it did, and what `--profile aws` needs to know of it.

    Parameters
    ----------
    env
        The environment, such as dev or prod.
    settings
        The file that says in what environments differ; stack.yml if it is there.
    export
        Print the variables alone, as a shell takes them: eval "$(paddock stack status --env ENV --export)".
    """
    chosen = stack_chosen(env, settings)
    with on_aws():
        from paddock.entrypoints.aws_stack.places import signed_in  # noqa: PLC0415 - boto3 is an extra
    places = signed_in(chosen.region)
    standing = places.stacks.find(chosen.stack)
    if standing is None or not standing.exists:
        raise NotFound(
            f"there is no stack {chosen.stack} in {places.region}: `paddock stack deploy --env {env}` makes it"
        )
    if export:
        return _export(standing, places.region, env)
    out = console()
    protected = ", protected against deletion" if standing.protected else ""
    out.print(told(f"{standing.name} in {places.region}: {standing.status}{protected}"))
    for failure in last_failure(places.stacks.steps(standing.id)):
        out.print(failure)
    for line in (*outputs_of(standing), "", *exports(standing, places.region)):
        out.print(told(line), soft_wrap=True)  # a shell takes them: none is ever broken in two
    return 0


def _export(standing: "Standing", region: str, env: str) -> int:
    """Print it past the terminal's width and styles: a shell reads it."""
    lines = exports(standing, region)
    if not lines:
        raise NotFound(
            f"{standing.name} is {standing.status} and has no table yet: `paddock stack status --env {env}` says why"
        )
    print(*lines, sep="\n")
    return 0


def destroy(*, env: Env, settings: Settings = None, yes: Yes = False) -> int:
    """Remove an environment: its machines, what is in its buckets, its table, everything. It cannot be undone.

    Parameters
    ----------
    env
        The environment, such as dev or prod.
    settings
        The file that says in what environments differ; stack.yml if it is there.
    yes
        Do not ask.
    """
    chosen = stack_chosen(env, settings)
    with on_aws():
        from paddock.entrypoints.aws_stack.destroy import Removal  # noqa: PLC0415 - boto3 is an extra
        from paddock.entrypoints.aws_stack.places import signed_in  # noqa: PLC0415 - boto3 is an extra
    places = signed_in(chosen.region)
    work = Removal(places=places, stack=chosen.stack, clock=SystemClock(), sleeper=SystemSleeper(), ids=RandomIds())
    standing = work.found()
    out = console()
    machines = len(work.machines())
    out.print(
        told(
            f"{chosen.stack} in account {places.account}, {places.region}: {machines} machines, the table, all buckets"
        )
    )
    if not yes and not agreed("All of it is deleted for good. Type the environment's name:", env):
        out.print("nothing was deleted")
        return 1
    with followed(out, resources_of(places, standing)) as told_:
        work.carry_out(standing, lambda line: out.print(told(line)), told_)
    out.print(told(f"{chosen.stack} is gone"))
    return 0


def package(
    *,
    build: Annotated[Path, Parameter(name="--build")] = _BUILD,
    make: Annotated[bool, Parameter(name="--make", negative="--no-make", show_default="--make")] = True,
) -> int:
    """Build the functions' bundles and the agent's file in a checkout, and say how large they are.

    Parameters
    ----------
    build
        The checkout's folder for what is built.
    make
        Build them; --no-make only looks at what is there.
    """
    if make and build.absolute() != _BUILD.absolute():
        raise InvalidInput("--build", str(build), f"must be left out to build: it goes to {_BUILD}; or say --no-make")
    if make:
        make_packages(Path.cwd())
    out = console()
    for one in packages(build).values():
        out.print(told(f"{one.path}  {one.size:>9,} bytes  sha256 {one.sha256}"), soft_wrap=True)
    return 0


def cost(
    *,
    env: Env = "dev",
    settings: Settings = None,
    config: OptionalConfig = None,
    why: Annotated[bool, Parameter(name="--why", negative="")] = False,
) -> int:
    """Add up what an environment's stack costs in a month in which no job comes. AWS is not asked.

    Parameters
    ----------
    env
        The environment, such as dev or prod.
    settings
        The file that says in what environments differ; stack.yml if it is there.
    config
        A paddock.yml: if it names a channel of Slack, its secret is on the bill.
    why
        Say what is assumed, too.
    """
    console().print(bill_of(offline(stack_chosen(env, settings), slack=_has_slack(config)), why=why))
    return 0


def template(*, env: Env = "dev", settings: Settings = None, config: OptionalConfig = None) -> int:
    """Print an environment's template, for whoever wants to read it, lint it, or deploy it by other means.

    Parameters
    ----------
    env
        The environment, such as dev or prod.
    settings
        The file that says in what environments differ; stack.yml if it is there. Zones that it does not name are taken
        to be a, b and c.
    config
        A paddock.yml: if it names a channel of Slack, the template has it.
    """
    print(body(offline(stack_chosen(env, settings), slack=_has_slack(config))), end="")
    return 0


def _has_slack(config: Path | None) -> bool:
    if config is None:
        return False
    checked_path("--config", config, "paddock stack cost --config PATH")
    return load(config).slack is not None


def stack_chosen(env: str, file: Path | None) -> StackSettings:
    """An environment's settings, by the file that is named, or by stack.yml if it is there."""
    return stack_settings(env, file if file is not None or not SETTINGS.exists() else SETTINGS)


def _deployment(
    env: str, config: Path, settings: Path | None, build: Path, *, secrets: bool, finished: bool
) -> "Deployment":
    chosen = stack_chosen(env, settings)
    checked_path("--config", config, "paddock stack deploy … --config PATH")
    left = validate(config, finished=True)
    # Without secrets a stack is made before its App: `paddock github setup` brings the id.
    refused = [problem for problem in left if secrets or problem.field != _APP_ID] if finished else []
    if refused:
        raise InvalidConfig(refused)
    fleet = load(config)
    for problem in left:  # it could be loaded, so there is nothing else to say
        print(f"warning: {problem.text}", file=sys.stderr)
    files = packages(build)
    with on_aws():
        from paddock.entrypoints.aws_stack.deploy import Deployment, secrets_of  # noqa: PLC0415 - boto3 is an extra
        from paddock.entrypoints.aws_stack.places import signed_in  # noqa: PLC0415 - boto3 is an extra
    return Deployment(
        places=signed_in(chosen.region),
        settings=chosen,
        config=fleet,
        packages=files,
        clock=SystemClock(),
        sleeper=SystemSleeper(),
        ids=RandomIds(),
        secrets=secrets_of(fleet, environ) if secrets else {},
    )


def _show(proposal: "Proposal") -> None:
    out = console()
    if proposal.change_set.empty:
        out.print("nothing of the stack changes")
        return
    for line in change_lines(proposal.change_set.changes):
        out.print(line)
    month = money_text(idle_bill(proposal.template).total)
    out.print(told(f"without a job it costs about {month} a month (`paddock stack cost` tells why)"))


def agreed(question: str, answer: str) -> bool:
    """Ask on the terminal. Its end (Ctrl-D) is a no.

    Raises:
        InvalidInput: nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise InvalidInput("--yes", "not given", "nobody can be asked here: add --yes if that is what you want")
    console().print(Text(f"{question} [{answer}] "), end="")
    try:
        return input().strip().lower() == answer
    except EOFError:
        return False
