"""``paddock-agent check``: what this machine lacks to run a job.

``paddock-agent check [--config FILE | --machine-dir DIR [--cache-dir DIR]] [--network]``
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from paddock.agent.check.judge import judge, table
from paddock.agent.check.probes import gather


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``paddock-agent check``."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--config", type=Path, help="check an EC2 machine with this settings file")
    what.add_argument("--machine-dir", type=Path, help="check a machine of the one-machine fleet: its directory")
    parser.add_argument("--cache-dir", type=Path, help="where runner packages are kept for all machines")
    parser.add_argument("--network", action="store_true", help="ask GitHub too, by TCP and TLS")


def start(options: argparse.Namespace) -> int:
    """Check and print; 0 if nothing is missing, 1 if something is."""
    facts = gather(options.config, options.machine_dir, options.cache_dir, network=options.network)
    checks = judge(facts)
    print(table(facts.does, checks))  # noqa: T201 - a command line
    return 1 if any(check.ok is False for check in checks) else 0


def main(argv: Sequence[str] | None = None) -> int:
    """``check`` alone; its exit code."""
    parser = argparse.ArgumentParser(prog="paddock-agent check", description="Say what a machine's agent lacks.")
    add_arguments(parser)
    return start(parser.parse_args(argv))
