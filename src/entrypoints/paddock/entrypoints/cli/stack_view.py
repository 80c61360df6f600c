"""How people see a stack: proposals, steps, failures, outputs, and the bill of a month without a job."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from paddock.adapters.aws.stack.idle import assumptions, idle_bill
from paddock.core.units import datetime_of, money_text
from paddock.entrypoints.aws_stack.exported import variables_of
from paddock.entrypoints.cli.styles import told

if TYPE_CHECKING:
    from paddock.adapters.aws.cloudformation import Change, Standing, Step

_SIGNS: Mapping[str, tuple[str, str]] = {
    "Add": ("+", "green"),
    "Modify": ("~", "yellow"),
    "Remove": ("-", "red"),
    "Import": ("+", "green"),
    "Dynamic": ("~", "yellow"),
}


def change_lines(changes: Sequence["Change"]) -> list[Text]:
    """A line for each change: what is replaced says so, for it loses what is in it."""
    lines = []
    for change in changes:
        sign, style = _SIGNS.get(change.action, ("?", "yellow"))
        because = f"  ({', '.join(change.because)})" if change.because else ""
        replaced = {"True": "  REPLACED", "Conditional": "  may be REPLACED"}.get(change.replaced, "")
        style = "bold red" if replaced else style
        lines.append(told(f"{sign} {change.name}  {change.kind}{replaced}{because}", style))
    counts = [f"{sum(1 for one in changes if one.action == each)} {word}" for each, word in _WORDS.items()]
    return [*lines, told(f"{', '.join(counts)}")]


_WORDS: Mapping[str, str] = {"Add": "to be made", "Modify": "to be changed", "Remove": "to be removed"}


def step_line(step: "Step") -> Text:
    """What happened to a resource, and when (UTC)."""
    style = (
        "red" if step.failed or "ROLLBACK" in step.status else ("green" if step.status.endswith("_COMPLETE") else "")
    )
    reason = f"  {step.reason}" if step.failed and step.reason else ""
    return told(f"{datetime_of(step.at):%H:%M:%S}  {step.status:<20}  {step.name}{reason}", style)


def last_failure(steps: Sequence["Step"]) -> list[Text]:
    """Why what was done last went wrong; nothing if it did not."""
    from paddock.adapters.aws.cloudformation import causes, last_operation  # noqa: PLC0415 - boto3 is an extra

    lines = []
    for cause in causes(last_operation(steps)):
        lines.append(told(f"{cause.step.name} ({cause.step.kind}): {cause.said}", "red"))
        lines.append(told(f"  {cause.advice}"))
    return lines


def outputs_of(standing: "Standing") -> list[str]:
    """The stack's outputs, each on its line."""
    width = max((len(name) for name in standing.outputs), default=0)
    return [f"{name:<{width}}  {value}" for name, value in sorted(standing.outputs.items())]


def exports(standing: "Standing", region: str) -> list[str]:
    """What a shell is told so that the other commands speak of this stack (docs/aws.md); nothing before it has a table.

    Each is a line that a POSIX shell takes as it is, whatever stands in the value.
    """
    return [f"export {name}={shlex.quote(value)}" for name, value in variables_of(standing, region).items()]


def bill_of(template: Mapping[str, Any], *, why: bool) -> Group:
    """The bill as a table, where its prices come from, and, if asked for, what it assumes."""
    bill = idle_bill(template)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_footer=True)
    table.add_column("BECAUSE OF", footer="a month without a job")
    table.add_column("QUANTITY", justify="right")
    table.add_column("OF")
    table.add_column("DOLLARS", justify="right", footer=money_text(bill.total))
    for line in sorted(bill.lines, key=lambda one: -one.amount):
        table.add_row(line.kind, f"{line.quantity:,}", line.price.unit, money_text(line.amount))
    bare = money_text(bill.bare)
    below: list[Text] = [told(f"Without dashboard, alarms, and the metrics for them: {bare}.")]
    below += [told(f"Prices of {bill.region}, {bill.seen}: {bill.how}.")]
    if why:
        below += _assumed(assumptions())
    return Group(table, *below)


def _assumed(assumptions: Mapping[str, tuple[int, str]]) -> Iterable[Text]:
    yield told("Assumed:")
    for name, (value, reason) in assumptions.items():
        yield told(f"  {name} = {value:,}: {reason}")
