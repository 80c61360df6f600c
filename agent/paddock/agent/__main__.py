"""``python -m paddock.agent local|…``: the agent of one machine."""

import argparse
import sys

from paddock.agent.local import start as local


def main(argv: list[str] | None = None) -> int:
    """Run one command of the agent; its exit code."""
    options = _parser().parse_args(argv)
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="paddock-agent", description="The program on a machine that runs one job.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    of_box = commands.add_parser("local", help="live as a machine of the one-machine fleet")
    local.add_arguments(of_box)
    of_box.set_defaults(run=local.start)
    return parser


if __name__ == "__main__":
    sys.exit(main())
