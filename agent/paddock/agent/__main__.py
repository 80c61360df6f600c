"""``paddock-agent local|aws|stop-post|check``: the agent of one machine. Each command loads what it needs."""

import argparse
import importlib
import sys
from collections.abc import Mapping

from paddock.agent.version import VERSION

COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "local": ("local.start", "start", "live as a machine of the one-machine fleet"),
    "aws": ("aws.start", "start", "live as an EC2 machine, and switch it off"),
    "stop-post": ("aws.start", "stop_post", "say what an EC2 machine's agent, which has gone, could not say any more"),
    "check": ("check.command", "start", "say what this machine lacks to run a job"),
}
"""The commands: the module and the function in it, and what the command does."""


def main(argv: list[str] | None = None) -> int:
    """Run one command of the agent; its exit code."""
    words = sys.argv[1:] if argv is None else argv
    options = _parser(words).parse_args(words)
    code: int = options.run(options)
    return code


def _parser(words: list[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="paddock-agent", description="The program on a machine that runs one job.")
    parser.add_argument("--version", action="version", version=f"paddock-agent {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, (module, function, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in words[:1]:
            found = importlib.import_module(f"paddock.agent.{module}")
            found.add_arguments(command)
            command.set_defaults(run=getattr(found, function))
    return parser


if __name__ == "__main__":
    sys.exit(main())
