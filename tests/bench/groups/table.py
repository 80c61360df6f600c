"""What a job costs at DynamoDB: requests, units and dollars. Counted, not measured: they are the same everywhere.

``python -m tests.bench.table_steps`` says what they are paid for.
"""

from collections.abc import Iterator

from paddock.adapters.aws.dynamodb.items import Items
from paddock.core.records import JOBS
from tests.aws.table_units import priced, size
from tests.bench.groups.records import START, a_finished_job
from tests.bench.harness import Figure

TEN = 10
HAND = "0" * 12


def figures() -> Iterator[Figure]:
    """A job alone, and each of ten that come at once, in a warm fleet: from the first webhook to its machine's bill."""
    item = Items(JOBS).item(a_finished_job(), START, HAND)
    yield Figure("table.job_item_bytes", size(item), "B", "a finished job's item; each write of it is a unit per KB")
    for name, jobs in (("single", 1), ("batch10", TEN)):
        account = priced(jobs)
        what = "a job alone" if jobs == 1 else f"each of {jobs} jobs at once"
        calls, writes = sum(account.calls.values()), sum(account.writes.values())
        yield Figure(f"table.calls_per_job.{name}", calls / jobs, "calls", f"requests to DynamoDB for {what}, warm")
        yield Figure(f"table.write_units_per_job.{name}", writes / jobs, "WRU", f"units of writing for {what}")
        yield Figure(
            f"table.index_units_per_job.{name}",
            sum(account.moves.values()) / jobs,
            "WRU",
            f"those of them in indexes, for {what}",
        )
        about_orders = [each for each in account.writes if each.endswith(".ASSIGNMENT")]
        orders = sum(account.writes[each] for each in about_orders)
        yield Figure(
            f"table.assignment_units_per_job.{name}",
            orders / jobs,
            "WRU",
            f"those of them for its assignment: given, taken and deleted, for {what}",
        )
        yield Figure(
            f"table.read_units_per_job.{name}",
            sum(account.halves.values()) / 2 / jobs,
            "RRU",
            f"units of reading for {what}",
        )
        yield Figure(
            f"table.usd_per_million_jobs.{name}",
            round(account.dollars(jobs), 2),
            "USD",
            f"a million jobs at list price, {what}; sweeps, heartbeats and storage apart",
        )
