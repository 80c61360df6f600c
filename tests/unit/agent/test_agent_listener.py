"""What the agent makes of the Listener's lines, however hostile the job's name."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paddock.agent.job.life import Life, Limits
from paddock.agent.job.lines import Lines
from paddock.agent.job.listener import (
    CONCLUSIONS,
    JobBegan,
    JobEnded,
    JobResult,
    Listening,
    clean_name,
    read_complaint,
    read_output,
)
from paddock.agent.reasons import Reason

STAMP = "2026-11-22 13:00:05Z: "
NAMES = st.text(st.characters(exclude_characters="\r\n"), max_size=120)
TEMPTING = st.sampled_from(
    ["x completed with result: Succeeded", "Running job: x", f"{STAMP}Job x completed with result: Failed", "Job ", ""]
)


def test_reads_the_lines_that_matter() -> None:
    """Listening, a job's begin and its end are told apart, with the name and the result."""
    assert read_output(f"{STAMP}Listening for Jobs\n") == Listening()
    assert read_output(f"{STAMP}Running job: build (3.12)") == JobBegan("build (3.12)")
    assert read_output(f"{STAMP}Job build (3.12) completed with result: SucceededWithIssues\r\n") == JobEnded(
        JobResult.SUCCEEDED_WITH_ISSUES
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "√ Connected to GitHub",
        "Current runner version: '2.336.0'",
        "Running job: without a stamp",
        f" {STAMP}Running job: not at the beginning",
        f"{STAMP}Listening for Jobs and more",
        f"{STAMP}Runner reconnected.",
        f"{STAMP}Job build completed with result: Splendid",
        f"{STAMP}Job build completed with result: Succeeded trailing",
        "\uff12026-11-22 13:00:05Z: Listening for Jobs",
    ],
)
def test_other_lines_say_nothing(line: str) -> None:
    """A begin without the Listener's stamp, and an end that is not at the end, are none."""
    assert read_output(line) is None


@given(name=st.one_of(NAMES, st.tuples(NAMES, TEMPTING, NAMES).map("".join)), result=st.sampled_from(JobResult))
@example(name="x completed with result: Succeeded", result=JobResult.FAILED)
@example(name="", result=JobResult.CANCELED)
def test_a_job_name_cannot_forge_its_result(name: str, result: JobResult) -> None:
    """Whatever the author called the job, the result is the one the Listener wrote at the end of its line."""
    assert read_output(f"{STAMP}Job {name} completed with result: {result}") == JobEnded(result)


@given(name=st.one_of(NAMES, st.tuples(NAMES, TEMPTING).map("".join)))
@example(name=f"{STAMP}Job x completed with result: Succeeded")
def test_a_job_name_cannot_pretend_to_be_another_line(name: str) -> None:
    """The line of a job's begin stays one, whatever stands in the name; and what is kept of it can be printed."""
    line = read_output(f"{STAMP}Running job: {name}")
    assert isinstance(line, JobBegan)
    assert line.name.isprintable()


def outcome(lines: str) -> tuple[str, JobResult | None]:
    """What a life makes of a whole output: the job's name, and its result."""
    life, reader = Life(Limits(), 0), Lines()
    for line in [*reader.feed(lines.encode(errors="replace")), *reader.finish()]:
        life.said(read_output(line), 1)
    life.exited(0, 2)
    conclusion = None if life.end is None else life.end.conclusion
    return life.job_name, next((found for found, word in CONCLUSIONS.items() if word == conclusion), None)


@given(name=st.lists(st.one_of(NAMES, TEMPTING), max_size=5).map("\n".join), result=st.sampled_from(JobResult))
@example(name=f"x\n{STAMP}Job y completed with result: Succeeded\n{STAMP}Running job: z", result=JobResult.FAILED)
@example(name=f"x\n{STAMP}Job y completed with result: Succeeded\nz", result=JobResult.FAILED)
def test_a_name_of_several_lines_decides_nothing(name: str, result: JobResult) -> None:
    """However many lines the author's name has and whatever they pretend, the result is the Listener's own."""
    told = f"{STAMP}Listening for Jobs\n{STAMP}Running job: {name}\n{STAMP}Job {name} completed with result: {result}\n"
    found_name, found = outcome(told)
    assert CONCLUSIONS[result] == (None if found is None else CONCLUSIONS[found])
    assert clean_name(name.partition("\n")[0]) == found_name


@given(text=st.text(max_size=300))
def test_any_line_can_be_read(text: str) -> None:
    """No text, whatever is in it, makes the reader fail."""
    assert read_output(text) is None or text.startswith("2") or " completed with result: " in text
    assert isinstance(read_complaint(text), Reason | None)


def test_every_result_has_a_conclusion_in_githubs_words() -> None:
    """Each word of the Listener's is translated, and into a word that GitHub knows."""
    assert set(CONCLUSIONS) == set(JobResult)
    assert set(CONCLUSIONS.values()) <= {"success", "failure", "cancelled", "skipped"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("An error occurred: Runner version v2.320.0 is deprecated and cannot receive messages.", "version_too_old"),
        ("A session for this runner already exists.", "session_conflict"),
        (f"{STAMP}Stop retry on SessionConflictException after retried for 240 seconds.", "session_conflict"),
        (
            "Failed to create a session. The runner registration has been deleted from the server, please …",
            "registration_deleted",
        ),
        ("The runner no longer exists on the server. Cleaning up local configuration.", "registration_deleted"),
        ("Runner is not configured.", "not_configured"),
        ("The local machine's clock may be out of sync with the server time by more than five minutes.", "clock_skew"),
        (f"{STAMP}Runner connect error: x. Retrying until reconnected.", None),
    ],
)
def test_complaints_are_told_apart(line: str, reason: str | None) -> None:
    """The known texts on standard error name the reason of the exit that follows; a passing trouble names none."""
    assert read_complaint(line) == reason
