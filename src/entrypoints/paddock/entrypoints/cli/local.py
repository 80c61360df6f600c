"""``paddock local``: the one-machine fleet against a real GitHub."""

import signal
from contextlib import ExitStack
from os import environ
from pathlib import Path
from threading import Event
from typing import Annotated

from cyclopts import Parameter

from paddock.adapters.config import Config, InvalidConfig, load, validate
from paddock.entrypoints.cli.config import checked_path
from paddock.entrypoints.containers import LocalProfile
from paddock.entrypoints.local.fields import config_paths
from paddock.entrypoints.local.greeting import greet
from paddock.entrypoints.local.logs import logging_to
from paddock.entrypoints.local.places import Places


def local(*, config: Annotated[Path, Parameter(name=["--config", "-c"])] = Path("paddock.yml")) -> int:
    """Serve a real GitHub with machines that are processes on this box.

    First it asks GitHub who it is and whether it may register runners, and says what is wrong. Then it listens for
    webhooks, starts a machine (a process with a directory of its own) for each job, and compares its records with
    GitHub's every minute, so that a lost webhook starves no job. Stop it with Ctrl-C or SIGTERM: machines with jobs
    live on, and the next start takes them up again, also after kill -9.

    Jobs run as the user that starts this. Use it for trusted repositories, or on a box that is for nothing else.

    Parameters
    ----------
    config
        The configuration file. `paddock config example` prints one, `paddock config validate` checks it.
    """
    checked_path("--config", config, "paddock local --config PATH")
    # The secrets too, and what is still the example's: all that is wrong is told at once.
    problems = validate(config, environ, finished=True)
    if problems:
        raise InvalidConfig(problems)
    loaded = load(config)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    serve(loaded, stop)
    return 0


def serve(config: Config, stop: Event) -> None:
    """Run the fleet until `stop` is set.

    Raises:
        InvalidInput: a secret cannot be read, or the address is taken.
        AccessDenied: GitHub does not know us, or we may not do what the fleet does.
        Busy: another fleet runs on the same state directory.
    """
    profile = LocalProfile(config=config)
    with ExitStack() as cleanup:
        cleanup.enter_context(config_paths())
        places: Places = profile.places()
        cleanup.enter_context(logging_to(places.log, terminal=True))
        cleanup.callback(profile.database().close)
        cleanup.callback(profile.client().close)
        profile.secrets()()  # a webhook secret that is not there is told now, not when GitHub calls
        fleet = profile.local_fleet()
        cleanup.callback(fleet.stop)
        fleet.hold()
        greeting = greet(config, profile.clock())
        print(f"github:   {greeting.line}", flush=True)
        for warning in greeting.warnings:
            print(f"          but {warning}", flush=True)
        fleet.start()
        print(f"webhooks: {fleet.url}  (GitHub must reach it, e.g. through a reverse proxy with TLS)", flush=True)
        print(f"state:    {places.root}  (`paddock jobs --state {places.root}`)", flush=True)
        if places.shared:
            print(f"          but others may look into it: `chmod 700 {places.root}`", flush=True)
        stop.wait()
        print("stopping: machines with jobs live on and are taken up by the next start", flush=True)
