"""``paddock agent``: the program on a machine, run by hand."""

from typing import Annotated

from cyclopts import Parameter

from paddock.agent.__main__ import main as run
from paddock.agent.check.command import main as check_machine


def agent(
    *words: Annotated[str, Parameter(allow_leading_hyphen=True)],
    check: Annotated[bool, Parameter(name="--check", negative="")] = False,
) -> int:
    """Run a machine's agent by hand, or say what a machine lacks to run one.

    `paddock agent --check` looks at this machine and prints a table: what is there, what is missing and the next step
    for each miss. With `--config FILE` it checks an EC2 machine of these settings, with `--machine-dir DIR` (and
    `--cache-dir DIR`) a machine of the one-machine fleet, with `--network` the way to GitHub too. Exit code 0 only if
    nothing is missing.

    Otherwise the words go to the agent as they are, as in `python -m paddock.agent`: the fleet starts it that way.

    Parameters
    ----------
    words
        What the agent is to do, such as `local --machine-dir DIR --cache-dir DIR`.
    check
        Only look, change nothing.
    """
    try:
        return check_machine(words) if check else run(list(words))
    except SystemExit as ended:  # how argparse ends; it has said why
        return ended.code if isinstance(ended.code, int) else 2
