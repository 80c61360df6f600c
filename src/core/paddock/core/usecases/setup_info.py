"""What the job's own log says of its machine: one line for each fact, printed by the runner under "Set up job".

Whoever may read the repository may read it, so it holds no secret; and what a label says stands in it, so nothing in it
may pass for a command of the runner or for another line.
"""

import re

from paddock.core.job import Job
from paddock.core.launch import Launch
from paddock.core.ports.machines import Machine
from paddock.core.spec import Market
from paddock.core.units import money_text

MAX_LINE = 300

_COMMAND = re.compile(r"(?<=:):|(?<=#)#")  # ::set-output…, ##[group]…


def setup_info(job: Job, machine: Machine, launch: Launch) -> str:
    """The text, a fact a line; facts that nobody knows are left out."""
    facts = {
        "Machine": machine.id,
        "Type": _type(machine),
        "Zone": machine.zone,
        "Market": machine.market.value,
        "Price": "" if machine.price is None else f"{money_text(machine.price)} an hour",
        "Why": _why(job, machine, launch),
    }
    return "\n".join(f"{name}: {one_line(fact)}" for name, fact in facts.items() if fact)


def one_line(text: str) -> str:
    """The text on one line, without control characters, and so that the runner sees no command of its own in it."""
    printable = text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)
    return _COMMAND.sub(lambda match: f" {match[0]}", " ".join(printable.split()))[:MAX_LINE]


def _type(machine: Machine) -> str:
    size = [f"{machine.vcpu} vCPU"] * (machine.vcpu > 0) + [machine.arch.value]
    size += [f"{machine.disk} GiB disk"] * (machine.disk > 0)
    return f"{machine.instance_type} ({', '.join(size)})".strip()


def _why(job: Job, machine: Machine, launch: Launch) -> str:
    """Why this machine: what was asked for, and which market it came from for what reason."""
    asked = f"the job asks for {launch.spec}"
    again = f" (launch {job.launch})" if job.launch > 1 else ""
    if launch.spec.market is machine.market:
        return f"{asked}{again}"
    if machine.market is Market.ON_DEMAND:
        failed = f": {job.failure}" if job.failure else ""
        return f"{asked}; on demand all the same{again}, because its last try got no spot machine{failed}"
    return f"{asked}; the fleet gave {machine.market.value}{again}"
