"""What the facts of a machine mean: what is there, what is missing, the next step for each miss. Touches nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paddock.agent.check.facts import Answer, Baked, Facts
from paddock.agent.machine.clock import SECOND
from paddock.agent.settings import MIB

DAY = 86_400 * SECOND
MIN_PYTHON = (3, 11)
MIN_MEMORY = 512 * MIB
SKEW = 300 * SECOND  # GitHub refuses a runner whose clock is off by more
OLD, TOO_OLD = 20 * DAY, 30 * DAY  # a runner that is not updated within 30 days of a release gets no jobs
EARLIEST = 1_767_225_600 * SECOND  # 2026-01-01: this program is younger
LIBRARIES: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("ICU", ("libicuuc.so.",), True),
    ("OpenSSL", ("libssl.so.3", "libssl.so.1.1"), True),
    ("Kerberos", ("libgssapi_krb5.so.2", "libkrb5.so.3"), True),
    ("zlib", ("libz.so.1",), True),
    ("LTTng", ("liblttng-ust.so.",), False),
)
"""What the runner's package asks of the system: name, any of these libraries, and whether it crashes without."""

_ARCHES = ("x86_64", "aarch64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at. ``ok`` None: it does not matter here, is not known, or is a warning."""

    name: str
    ok: bool | None
    found: str
    wanted: str = ""
    next_step: str = ""


def judge(facts: Facts) -> list[Check]:
    """Every check, in the order in which a machine needs them."""
    return [
        *_program(facts),
        *_asked("settings", facts.settings, "put right what is named; the stack writes this file"),
        *_machine(facts),
        *_room(facts),
        *_runner(facts),
        *_asked("metadata service", facts.metadata, "let the instance reach 169.254.169.254 (IMDSv2, hop limit 1)"),
        *_asked(
            "assignment",
            facts.assignment,
            "make the directory; on EC2, see to the item and the role's rights",
        ),
        *_network(facts),
    ]


def table(does: str, checks: Sequence[Check]) -> str:
    """The checks for people: a sign, a name, what was found; and below each miss what was wanted and the next step."""
    width = max((len(check.name) for check in checks), default=0)
    lines = [does, ""]
    for check in checks:
        lines.append(f"{_sign(check)} {check.name:<{width}}  {check.found}")
        if check.ok is not True and check.wanted:
            lines.append(f"  {'':<{width}}  wanted: {check.wanted}")
        if check.ok is not True and check.next_step:
            lines.append(f"  {'':<{width}}  next:   {check.next_step}")
    missing = sum(check.ok is False for check in checks)
    lines += ["", "all right" if not missing else f"{missing} missing: see the next steps above"]
    return "\n".join(lines)


def _sign(check: Check) -> str:
    return {True: "✓", False: "✗", None: "–"}[check.ok]  # noqa: RUF001 - a dash: neither good nor bad


def _program(facts: Facts) -> Iterator[Check]:
    version, least = (".".join(map(str, numbers)) for numbers in (facts.python, MIN_PYTHON))
    ok = facts.python >= MIN_PYTHON
    yield Check(
        name="Python",
        ok=ok,
        found=version,
        wanted=f"{least} or newer",
        next_step="install a newer Python, or use a newer image",
    )
    right = facts.system == "Linux" and facts.processor in _ARCHES
    yield Check(
        name="system",
        ok=right,
        found=f"{facts.system} on {facts.processor}",
        wanted=f"Linux on {' or '.join(_ARCHES)}",
        next_step="use such a machine: GitHub's runner is made for these",
    )
    yield Check(
        name="user",
        ok=facts.root or not facts.is_machine,
        found="root" if facts.root else "not root",
        wanted="root" if facts.is_machine else "",
        next_step="start the agent as root: it ends the machine and keeps the job's user apart"
        if facts.is_machine
        else "",
    )
    if facts.jobs_run_as.ok and facts.jobs_as_root:
        yield Check(
            name="jobs",
            ok=None,
            found=facts.jobs_run_as.said,
            wanted="a user of their own: as root, a job reads whatever the agent does",
            next_step="create the user 'runner', or name one in the settings",
        )
        return
    yield from _asked("jobs", facts.jobs_run_as, "create the user, or name another one in the settings")


def _machine(facts: Facts) -> Iterator[Check]:
    yield _clock(facts)
    yield Check(
        name="orphans",
        ok=facts.subreaper,
        found="adopted (subreaper)" if facts.subreaper else "not adopted",
        wanted="a kernel that lets a process adopt orphans",
        next_step="use Linux 3.4 or newer, without a filter on prctl",
    )
    yield Check(
        name="unshare",
        ok=True if facts.unshare else None,
        found="there" if facts.unshare else "not there",
        wanted="util-linux, for jobs that want namespaces",
        next_step="apt-get install util-linux",
    )
    needed = False if facts.is_machine else None
    yield Check(
        name="systemd",
        ok=True if facts.systemd else needed,
        found="running" if facts.systemd else "not running",
        wanted="systemd, which watches over the agent" if facts.is_machine else "",
        next_step="use an image that boots with systemd" if facts.is_machine else "",
    )
    yield Check(
        name="power off",
        ok=True if facts.poweroff else needed,
        found="can be asked for" if facts.poweroff else "no systemctl and no poweroff",
        wanted="a way to switch the machine off" if facts.is_machine else "",
        next_step="install systemd: a machine that does not end is billed" if facts.is_machine else "",
    )
    if facts.docker is not None:
        yield Check(
            name="docker",
            ok=True if facts.docker.ok else None,
            found=facts.docker.said,
            wanted="docker, for jobs with containers or services",
            next_step="if your jobs use it: install it, or start its daemon, and put the job's user into its group",
        )


def _clock(facts: Facts) -> Check:
    ahead = 0 if facts.github_clock is None else facts.now - facts.github_clock
    if facts.now < EARLIEST:
        found, ok = "stands before this program was written", False
    elif abs(ahead) > SKEW:
        found, ok = f"{abs(ahead) // SECOND} s {'ahead of' if ahead > 0 else 'behind'} GitHub's", False
    elif facts.synchronised is False and facts.github_clock is None:
        return Check(
            name="clock",
            ok=None,
            found="not said to be synchronised",
            wanted="a synchronised clock: GitHub refuses one that is off by 5 minutes",
            next_step="timedatectl set-ntp true; --network compares it with GitHub's",
        )
    else:
        found, ok = "right" if facts.github_clock is not None or facts.synchronised else "plausible", True
    return Check(
        name="clock", ok=ok, found=found, wanted="within 5 minutes of GitHub's", next_step="timedatectl set-ntp true"
    )


def _room(facts: Facts) -> Iterator[Check]:
    if facts.memory is not None:
        yield Check(
            name="memory",
            ok=facts.memory >= MIN_MEMORY,
            found=f"{facts.memory // MIB} MiB available",
            wanted=f"{MIN_MEMORY // MIB} MiB for the runner alone",
            next_step="use a larger machine, or end what takes the memory",
        )
    for name, place, least in (("work", facts.work, facts.min_free), ("cache", facts.cache, facts.min_free)):
        if place is None:
            continue
        if not place.writable:
            found, ok = f"{place.path}: {place.trouble or 'cannot be written'}", False
            step = f"make it a directory that the agent may write: mkdir -p {place.path}"
        else:
            found, ok = f"{place.path}, {place.free // MIB} MiB free", place.free >= least
            step = "free some space, or use a larger disk"
        yield Check(
            name=name, ok=ok, found=found, wanted=f"writable, with {least // MIB} MiB free at least", next_step=step
        )


def _runner(facts: Facts) -> Iterator[Check]:
    if facts.libraries is None:
        yield Check(
            name="libraries",
            ok=None,
            found="ldconfig is not there to ask",
            wanted=", ".join(name for name, _, needed in LIBRARIES if needed),
        )
    else:
        missing = [
            (name, needed)
            for name, any_of, needed in LIBRARIES
            if not any(library.startswith(any_of) for library in facts.libraries)
        ]
        fatal = [name for name, needed in missing if needed]
        yield Check(
            name="libraries",
            ok=False if fatal else None if missing else True,
            found=f"without {', '.join(name for name, _ in missing)}" if missing else "all there",
            wanted=f"{', '.join(name for name, _, _ in LIBRARIES)}: the runner crashes without a needed one",
            next_step="sudo bin/installdependencies.sh of the runner (Amazon Linux 2023: dnf install -y libicu)",
        )
    if facts.baked is not None:
        yield _baked(facts.baked, facts.now)


def _baked(baked: Baked, now: int) -> Check:
    wanted = f"a runner in the image, checked at most {OLD // DAY} days ago"
    rebuild = "build the image anew: a runner that misses releases for 30 days gets no jobs"
    if baked.trouble:
        return Check(name="runner", ok=False, found=f"{baked.path}: {baked.trouble}", wanted=wanted, next_step=rebuild)
    if baked.verified_at is None:
        found = f"{baked.version}, of unknown age"
        return Check(name="runner", ok=None, found=found, wanted=wanted, next_step=rebuild)
    age = max(0, now - baked.verified_at)
    ok = False if age > TOO_OLD else None if age > OLD else True
    told = f"{baked.listener or baked.version} in {baked.path}, {age // DAY} days old"
    return Check(name="runner", ok=ok, found=told, wanted=wanted, next_step=rebuild)


def _network(facts: Facts) -> Iterator[Check]:
    if facts.github is None:
        yield Check(name="GitHub", ok=None, found="not asked: add --network")
        return
    yield from _asked("GitHub", facts.github, "let the machine reach it by TCP 443, directly or by a proxy")


def _asked(name: str, answer: Answer | None, next_step: str) -> Iterator[Check]:
    if answer is not None:
        yield Check(name=name, ok=answer.ok, found=answer.said, next_step=next_step)
