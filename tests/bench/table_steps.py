"""What a job's units of writing at DynamoDB are paid for, write by write: ``python -m tests.bench.table_steps``.

The same account as that of ``python -m tests.bench table``: a job alone, and each of ten that come at once.
"""

import sys
from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from tests.aws.table_units import WRITE, Account, Line, priced
from tests.bench.groups.table import TEN


def by_write(account: Account) -> Mapping[tuple[str, str], tuple[int, int, int]]:
    """Bytes of the largest item, units in the table, units in the indexes; by step and record, in their order."""
    table, index = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    largest: dict[tuple[str, str], int] = {}
    for line in account.lines:
        key = (line.step, line.record)
        largest[key] = max(largest.get(key, 0), line.size)
        table[key] += line.table
        index[key] += line.index
    return {key: (largest[key], table[key], index[key]) for key in largest}


def shown(alone: Account, ten: Account) -> Table:
    """The table for people."""
    found = Table(title="units of writing, per job")
    for title in ("step", "record"):
        found.add_column(title)
    for title in ("bytes", "alone", "indexes", f"of {TEN}", "indexes"):
        found.add_column(title, justify="right")
    single, batch = by_write(alone), by_write(ten)
    before = ""
    for step, record in dict.fromkeys((*single, *batch)):
        size, table, index = single.get((step, record), (0, 0, 0))
        larger, tables, indexes = batch.get((step, record), (0, 0, 0))
        each = (tables / TEN, indexes / TEN)
        found.add_row(
            "" if step == before else step,
            record,
            str(max(size, larger)),
            *(f"{units:g}" for units in (table, index, *each)),
        )
        before = step
    sums = [
        sum(_units(line)[at] for line in one.lines) / jobs for one, jobs in ((alone, 1), (ten, TEN)) for at in (0, 1)
    ]
    found.add_row("all", "", "", *(f"{units:g}" for units in sums), style="bold")
    found.add_row("dollars for a million jobs", "", "", *(f"{units * WRITE / 1e6:.2f}" for units in sums))
    return found


def _units(line: Line) -> tuple[int, int]:
    return line.table, line.index


def main() -> int:
    """Print it."""
    Console().print(shown(priced(1), priced(TEN)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
