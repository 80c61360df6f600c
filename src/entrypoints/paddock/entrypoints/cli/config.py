"""``paddock config``: a paddock.yml to start from, and everything that is wrong with one."""

import sys
from pathlib import Path

from paddock.adapters.config import validate as problems_of
from paddock.contracts import example_config


def validate(path: Path = Path("paddock.yml"), /) -> int:
    """Check a paddock.yml and name every problem with its line. Exit code 0 only if there is none.

    Parameters
    ----------
    path
        The file to check.
    """
    problems = problems_of(path)
    for problem in problems:
        print(problem.text, file=sys.stderr)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        print(f"{path}: {count}; `paddock config example` shows every setting", file=sys.stderr)
        return 1
    print(f"{path}: all right")
    return 0


def example() -> int:
    """Print a commented paddock.yml to start from, e.g. `paddock config example > paddock.yml`."""
    print(example_config(), end="")
    return 0
