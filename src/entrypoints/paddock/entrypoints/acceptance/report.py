"""The report of an acceptance: a Markdown page for people, and JSON for whoever compares several."""

from collections.abc import Iterator
from typing import Any, Final

from paddock.adapters.report.text import clean
from paddock.core.runner import machine_of
from paddock.core.units import SECOND, rfc3339, span_text
from paddock.entrypoints.acceptance.gates import Judged, Verdict
from paddock.entrypoints.acceptance.measures import left_out
from paddock.entrypoints.acceptance.values import Observed

VERSION: Final = 1
_SIGNS: Final = {Verdict.PASSED: "✓", Verdict.FAILED: "✗", Verdict.NOT_VERIFIED: "?"}


def summary(judged: tuple[Judged, ...]) -> str:
    """One sentence."""
    counts = {verdict: sum(1 for one in judged if one.verdict is verdict) for verdict in Verdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    word = "accepted" if counts[Verdict.PASSED] == len(judged) else "not accepted"
    return f"{word}: of {len(judged)} gates {told}"


def sign(judged: Judged) -> str:
    """A mark for its verdict."""
    return _SIGNS[judged.verdict]


def data(seen: Observed, judged: tuple[Judged, ...]) -> dict[str, Any]:
    """The report as plain data: spans in seconds, moments RFC 3339 in UTC, money in micro-dollars, unknown is null."""
    books = seen.books
    return {
        "version": VERSION,
        "environment": seen.environment,
        "region": seen.region,
        "repository": seen.repository,
        "began": rfc3339(seen.began),
        "ended": rfc3339(seen.ended),
        "versions": dict(sorted(seen.versions.items())),
        "summary": summary(judged),
        "gates": [
            {
                "gate": one.gate,
                "verdict": one.verdict.value,
                "measured": one.measured,
                "findings": list(one.findings),
            }
            for one in judged
        ],
        "left_out": [{"gate": gate, "why": why} for gate, why in left_out(seen).items()],
        "jobs": list(_jobs(seen)),
        "machines": list(_machines(seen)),
        "calls": books.calls,
        "left": None if seen.left is None else list(seen.left),
        "problems": list(seen.problems),
    }


def _jobs(seen: Observed) -> Iterator[dict[str, Any]]:
    for played in seen.played:
        for job in played.jobs:
            started, completed = job.started_at, job.completed_at
            yield {
                "scenario": played.scenario.name,
                "job": job.facts.job_id,
                "name": job.facts.name,
                "attempt": job.facts.run_attempt,
                "conclusion": job.conclusion,
                "machine": machine_of(job.runner_name),
                "queued": rfc3339(job.facts.created_at),
                "wait_s": None if started is None else max(0, started - job.facts.created_at) // SECOND,
                "ran_s": None if started is None or completed is None else max(0, completed - started) // SECOND,
            }


def _machines(seen: Observed) -> Iterator[dict[str, Any]]:
    for machine, runner in sorted(seen.books.runners.items()):
        bill = seen.books.bills.get(machine)
        yield {
            "machine": machine,
            "instance_type": runner.instance_type,
            "market": runner.market.value,
            "zone": runner.zone,
            "launched": rfc3339(runner.launched_at),
            "lived_s": None if runner.gone_at is None else max(0, runner.gone_at - runner.launched_at) // SECOND,
            "interrupted": runner.interrupted_at is not None,
            "cost_micro_usd": None if bill is None else bill.total,
        }


def page(seen: Observed, judged: tuple[Judged, ...]) -> str:
    """The report as Markdown. Names of jobs are strangers' text: nothing of them becomes markup."""
    return "\n".join(_lines(seen, judged)) + "\n"


def _lines(seen: Observed, judged: tuple[Judged, ...]) -> Iterator[str]:
    yield f"# Acceptance of {seen.environment} in {seen.region}"
    yield ""
    yield f"{summary(judged)}."
    yield ""
    yield f"{rfc3339(seen.began)}, {span_text(seen.ended - seen.began)}, workflows of {_text(seen.repository)}."
    yield ""
    yield "| | gate | verdict | measured |"
    yield "| --- | --- | --- | --- |"
    for one in judged:
        yield f"| {sign(one)} | {one.gate} | {one.verdict} | {_text(one.measured)} |"
    for gate, why in left_out(seen).items():
        yield ""
        yield f"Not judged: {gate}; {why}."
    for one in judged:
        if one.findings:
            yield ""
            yield f"## {one.gate}: {one.verdict}"
            yield ""
            yield from (f"* {_text(finding)}" for finding in one.findings)
    yield ""
    yield "## Jobs"
    yield ""
    yield "| scenario | job | attempt | conclusion | waited | ran | machine |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for job in _jobs(seen):
        cells = (
            *(job["scenario"], f"{job['name']} {job['job']}", job["attempt"], job["conclusion"]),
            *(_seconds(job["wait_s"]), _seconds(job["ran_s"]), job["machine"]),
        )
        yield f"| {' | '.join(_text('-' if cell is None else str(cell)) for cell in cells)} |"
    yield ""
    yield f"Calls of AWS by the fleet: {'not counted' if seen.books.calls is None else seen.books.calls}."
    yield ""
    yield "Versions: " + ", ".join(f"{name} {_text(text)}" for name, text in sorted(seen.versions.items())) + "."


def _seconds(value: int | None) -> str | None:
    return None if value is None else f"{value} s"


def _text(text: str) -> str:
    """Safe in a cell: no new line, no bar, no markup."""
    plain = " ".join(clean(text).split())
    return "".join(f"\\{letter}" if letter in r"|`*_<>[]\#" else letter for letter in plain)
