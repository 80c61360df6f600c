"""``paddock config``: a paddock.yml to start from, and everything that is wrong with one."""

import sys
from os import environ
from pathlib import Path

from paddock.adapters.config import validate as problems_of
from paddock.contracts import example_config
from paddock.core.errors import InvalidInput


def validate(path: Path = Path("paddock.yml"), /) -> int:
    """Check a paddock.yml and name every problem with its line. Exit code 0 only if there is none.

    It looks for the secrets too, where the file says they are (run it as the user and in the environment that will run
    the fleet), and for what was left as the example has it. GitHub is not asked: `paddock local` does that when it
    starts.

    Parameters
    ----------
    path
        The file to check.
    """
    checked_path("PATH", path, "paddock config validate PATH")
    problems = problems_of(path, environ, finished=True)
    for problem in problems:
        print(problem.text, file=sys.stderr)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        print(f"{path}: {count}; `paddock config example` shows every setting", file=sys.stderr)
        return 1
    print(f"{path}: all right")
    return 0


def checked_path(name: str, path: Path, usage: str) -> Path:
    """The path, if something is there.

    Raises:
        InvalidInput: nothing is; `name` is what the command line calls it, and `usage` how another one is named.
    """
    if path.exists():
        return path
    remedy = f"there is no such file: make it (`paddock config example > {path.name}`), or name another (`{usage}`)"
    raise InvalidInput(name, str(path), remedy)


def example() -> int:
    """Print a commented paddock.yml to start from, e.g. `paddock config example > paddock.yml`."""
    print(example_config(), end="")
    return 0
