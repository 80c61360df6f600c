"""What each entrypoint may load. A cold start pays for every import, so nothing comes along that is not used.

The budget counts modules in a fresh interpreter, not milliseconds: it gives the same answer on every machine. To add
an entrypoint, add a line to `BUDGETS`. ``python -m tests.import_budgets`` prints what each one loads.
"""

import json
import subprocess
import sys
from collections.abc import Mapping

import attrs

ATTRS = frozenset({"attr", "attrs"})
CORE = ATTRS | {"cattrs", "typing_extensions"}
TERMINAL = frozenset({"cyclopts", "docstring_parser", "rich", "rich_rst", "pygments", "markdown_it", "mdurl"})

_PROBE = """
import json, sys
before = set(sys.modules)
try:
    exec({code!r}, {{"__name__": "probe"}})
except SystemExit as end:
    if end.code not in (0, None):
        raise
tops = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print()
own = {{"paddock"}} | {{name for name in tops if name.startswith(("_cython", "cython_runtime"))}}
print(json.dumps(sorted(tops - set(sys.stdlib_module_names) - own)))
"""


@attrs.frozen
class Budget:
    """`code` starts the entrypoint as far as it goes without work; of third-party modules it may load `allowed`."""

    code: str
    allowed: frozenset[str]


BUDGETS: Mapping[str, Budget] = {
    "core": Budget("import paddock.core.codec, paddock.core.settings, paddock.core.labels", CORE),
    "webhook": Budget("import paddock.entrypoints.aws_lambda.webhook", CORE | {"msgspec"}),
    "cli --help": Budget(
        "import sys; sys.argv = ['paddock', '--help']; from paddock.entrypoints.cli.app import main; sys.exit(main())",
        CORE | TERMINAL,
    ),
    **{
        f"cli stack {word}": Budget(  # AWS is not asked, and boto3 is an extra
            f"import sys; sys.argv = ['paddock', 'stack', '{word}']; "
            "from paddock.entrypoints.cli.app import main; sys.exit(main())",
            CORE | TERMINAL | {"msgspec", "yaml", "_yaml"},
        )
        for word in ("cost", "template")
    },
    "agent": Budget("import paddock.agent.__main__", frozenset()),
    "config": Budget("import paddock.adapters.config", CORE | {"yaml", "_yaml"}),
}


def loaded(code: str) -> frozenset[str]:
    """The third-party top-level modules that a fresh interpreter has loaded after running `code`."""
    probe = _PROBE.format(code=code)
    done = subprocess.run(
        [sys.executable, "-I", "-c", probe], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise AssertionError(f"the entrypoint did not start:\n{done.stderr}")
    return frozenset(json.loads(done.stdout.splitlines()[-1]))


def uninvited(budget: Budget) -> frozenset[str]:
    """The modules that the entrypoint loads and may not."""
    return loaded(budget.code) - budget.allowed


def main() -> int:
    """Print each entrypoint with what it loads; the status is 1 if one loads more than it may."""
    broken = False
    for name, budget in BUDGETS.items():
        try:
            found = loaded(budget.code)
        except AssertionError as error:
            sys.stdout.write(f"{name}: {error}\n")
            broken = True
            continue
        extra = sorted(found - budget.allowed)
        broken = broken or bool(extra)
        sys.stdout.write(f"{name}: {', '.join(sorted(found)) or 'standard library only'}\n")
        if extra:
            sys.stdout.write(f"    may not load: {', '.join(extra)}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
