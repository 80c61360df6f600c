"""Setting up the agent of one EC2 machine, and its last words when it has gone.

::

    paddock-agent aws --config /etc/paddock/agent.json         the unit's own program
    paddock-agent stop-post --config /etc/paddock/agent.json   run after it, however it ended
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

from paddock.agent.agent import Agent
from paddock.agent.aws.config import Config, load_config, whom_to_tell
from paddock.agent.aws.errors import AwsError
from paddock.agent.aws.platform import Ec2, connect
from paddock.agent.job.environment import marker
from paddock.agent.leaving import DIAG, SCRATCH, words
from paddock.agent.machine.cgroup import control_group
from paddock.agent.machine.cleanup import clean
from paddock.agent.machine.clock import SECOND, SteadyClock
from paddock.agent.machine.harden import harden
from paddock.agent.machine.place import check_place
from paddock.agent.machine.power import SystemPower, command_steps, linux_steps
from paddock.agent.machine.processes import LinuxProcesses
from paddock.agent.machine.resources import LinuxResources
from paddock.agent.machine.service import SystemdService
from paddock.agent.machine.signals import StopRequest
from paddock.agent.machine.users import Choice, User, choose_user
from paddock.agent.platform import Platform
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.archive import keep_diagnosis
from paddock.agent.telling.delivery import Delivery, deliver_spool
from paddock.agent.telling.log import Log
from paddock.agent.telling.shipping import SHIPPED, Shipper
from paddock.agent.telling.state import STATE, TOLD, StateFile, known_job, last_words
from paddock.agent.version import VERSION

SPOOL = "spool"
LOG = "agent.log"
KNOWN = frozenset({LOG, SPOOL, STATE, TOLD, SHIPPED, SCRATCH, DIAG, "work", "work.claim"})
CONNECTING = 120 * SECOND
CLEARING, LAST_WORDS, LAST_LINES = 10.0, 30.0, 10.0  # seconds; the unit gives 90 to them and all around them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``paddock-agent aws`` and ``paddock-agent stop-post``."""
    parser.add_argument("--config", type=Path, required=True, help="the machine's settings file")


def start(options: argparse.Namespace) -> int:
    """Live this machine's life and switch it off. 1 if it could not even begin: then its unit switches it off."""
    stop, service = StopRequest(), SystemdService()
    stop.install()
    service.ready()
    hardened = harden()
    config, flaw = _config(options.config)
    if config is None:
        return 1
    directory = config.settings.directory
    try:
        check_place(directory, KNOWN)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (AgentFailure, OSError) as error:  # nothing may be written there, so nothing more can be said
        print(f"paddock-agent: {error}", file=sys.stderr)  # noqa: T201 - the machine's console
        return 1
    clock = SteadyClock()
    log = Log(directory / LOG, clock)
    power = _power(config, log)
    choice, wrong_user = choose(config.settings.user)
    log.write("on", version=VERSION, jobs=choice.why, unknown_settings=list(config.unknown), **hardened)
    try:
        with service.busy(CONNECTING):
            ec2 = connect(config, clock, log)
    except AwsError as error:
        log.write("not_connected", error=str(error))
        print(f"paddock-agent: {error}", file=sys.stderr)  # noqa: T201 - the machine's console
        power.off()
        return 1
    config = _as_found(config, ec2)
    try:
        with service.busy(CONNECTING):
            lived = _say_what_is_owed(config, ec2, clock, log) or os.path.lexists(directory / TOLD)
        if lived:
            power.off()  # a machine lives once: its job is gone with the agent before this one
        else:
            platform = _platform(config, ec2, choice.user, flaw or wrong_user, clock, log, stop, service, power)
            Agent(config.settings, platform).run()
    finally:
        log.close()
        ec2.close()
    return 0


def _platform(
    config: Config,
    ec2: Ec2,
    user: User | None,
    trouble: AgentFailure | None,
    clock: SteadyClock,
    log: Log,
    stop: StopRequest,
    service: SystemdService,
    power: SystemPower,
) -> Platform:
    settings, state = config.settings, StateFile(config.settings.directory)
    group = control_group(f"paddock-{ec2.identity.machine}")
    processes = LinuxProcesses(user, alone=settings.alone, group=group)
    processes.adopt_orphans()
    ec2.source.before_taking = lambda: state.note("taking", machine=ec2.identity.machine)
    return Platform(
        identity=ec2.identity,
        source=ec2.source,
        sink=Delivery(
            settings.directory / SPOOL, ec2.transport, log, state=state, patience=settings.report_patience / SECOND
        ),
        power=power,
        processes=processes,
        clock=clock,
        stop=stop,
        log=log,
        user=user,
        resources=LinuxResources(settings.directory),
        notices=ec2.notices,
        mirror=ec2.mirror,
        archive=ec2.archive,
        log_store=ec2.log_store,
        service=service,
        state=state,
        trouble=trouble,
    )


def stop_post(options: argparse.Namespace) -> int:
    """Say what the agent could not say any more; 0 if nothing is owed any more."""
    try:
        return _stop_post(options)
    except AgentFailure as failure:
        print(f"paddock-agent: {failure.detail}", file=sys.stderr)  # noqa: T201 - the machine's console
        return 1


def _stop_post(options: argparse.Namespace) -> int:
    config, _ = _config(options.config)
    if config is None:
        return 1
    directory, clock = config.settings.directory, SteadyClock()
    ended = os.environ.get("SERVICE_RESULT", "success")  # see systemd.exec(5)
    if ended == "success" and _is_even(config, clock):
        return 0
    check_place(directory, KNOWN)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = Log(directory / LOG, clock)
    try:
        ec2 = connect(config, clock, log)
    except AwsError as error:
        log.write("not_connected", error=str(error))
        return 1
    try:
        if ended != "success":
            log.write("gone", result=ended, status=os.environ.get("EXIT_STATUS", ""))
        _clear(config, ec2, log)
        _say_what_is_owed(_as_found(config, ec2), ec2, clock, log, died=ended != "success")
    finally:
        log.close()
        ec2.close()
    return 0


def _is_even(config: Config, clock: SteadyClock) -> bool:
    """Nothing is left to clear or to say: the rule, and then a machine on its way out need not ask who it is."""
    directory = config.settings.directory
    return (
        not os.path.lexists(config.settings.work)
        and not any((directory / SPOOL).glob("*.json"))
        and last_words(directory, clock.now()) is None
    )


def _clear(config: Config, ec2: Ec2, log: Log) -> None:
    """End and remove what a sudden death left of the job, its diagnosis first: nobody else could tell what it was."""
    settings, user = config.settings, choose(config.settings.user)[0].user
    if not os.path.lexists(settings.work):
        return
    try:
        LinuxProcesses(user, alone=settings.alone).kill_all(marker(ec2.identity.machine))
        if ec2.archive is not None:
            keep_diagnosis(settings.runner, ec2.archive, settings.directory / SCRATCH, log, patience=CLEARING)
        left = clean(settings.work, settings.directory / DIAG, user=user, alone=settings.alone, patience=CLEARING)
    except Exception as error:  # noqa: BLE001 - the last words must be said all the same
        log.write("clear_failed", error=words(error))
    else:
        log.write("cleared", left=left)


def _say_what_is_owed(config: Config, ec2: Ec2, clock: SteadyClock, log: Log, *, died: bool = False) -> bool:
    """Deliver what an earlier agent left, and the end that it did not tell; True if there was such an end.

    If it `died`, its log is shipped to the end, too, whatever it had told.
    """
    directory, spool = config.settings.directory, config.settings.directory / SPOOL
    lived = ec2.identity.machine if died and not config.settings.standby else ""
    owed = last_words(directory, clock.now(), lived=lived)
    if owed is not None:
        ec2.source.discard()  # what this machine was never to take holds a secret
    if owed is not None or any(spool.glob("*.json")):
        patience = min(LAST_WORDS, config.settings.report_patience / SECOND)
        deliver_spool(spool, ec2.transport, log, say=owed, state=StateFile(directory), patience=patience)
    job = owed.job_id if owed is not None else known_job(directory) if died else None
    store = None if job is None else ec2.log_store(job)
    if store is not None:
        shipper = Shipper(log, store, position=directory / SHIPPED)
        shipper.start()
        shipper.finish(LAST_LINES)
    return owed is not None


def choose(name: str) -> tuple[Choice, AgentFailure | None]:
    """Whom jobs run as; and what is wrong with the name, if that cannot be."""
    try:
        return choose_user(name), None
    except ValueError as error:
        return Choice(None, "nobody"), AgentFailure(Reason.USER_UNUSABLE, str(error))


def _as_found(config: Config, ec2: Ec2) -> Config:
    """The settings with what the machine was asked for."""
    return replace(config, settings=replace(config.settings, standby=ec2.standby))


def _config(path: Path) -> tuple[Config | None, AgentFailure | None]:
    """The settings, and what is wrong with them: those that say whom to tell are enough to tell it."""
    try:
        return load_config(path), None
    except AgentFailure as failure:
        print(f"paddock-agent: {failure.detail}", file=sys.stderr)  # noqa: T201 - the machine's console
        return whom_to_tell(path), failure


def _power(config: Config, log: Log) -> SystemPower:
    steps = command_steps([config.power_command]) if config.power_command else linux_steps()
    return SystemPower(steps, tell=lambda name, accepted: log.write("power", way=name, accepted=accepted))
