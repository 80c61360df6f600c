"""The job's hooks: real scripts, run as the runner runs them, and what the agent makes of the notes they leave."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.job.hooks import MAX_NOTE, Hooks, JobFacts, _read

JOB = {
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_RUN_ID": "7001",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_JOB": "build",
    "GITHUB_WORKFLOW": "CI",
    "RUNNER_NAME": "paddock--m-1--abc",
}
FACTS = JobFacts("acme/shop", 7001, 2, "build", "CI")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A machine's work directory, with characters in its path that a shell takes for its own."""
    made = tmp_path / "it's a $(machine)" / "work"
    made.mkdir(parents=True)
    return made


def run(path: str, *, shell: str = "bash", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a hook as the runner does: by ``bash -e``, else by ``sh -e``."""
    return subprocess.run(
        [shell, "-e", path], env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, timeout=30, check=False
    )


def installed(hooks: Hooks) -> tuple[str, str]:
    environment = hooks.install()
    return environment["ACTIONS_RUNNER_HOOK_JOB_STARTED"], environment["ACTIONS_RUNNER_HOOK_JOB_COMPLETED"]


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_the_agent_learns_whose_job_it_is(work: Path, shell: str) -> None:
    """Nothing before the hook ran, then the facts of the run; nothing is printed into the job's log."""
    hooks = Hooks(work)
    started, completed = installed(hooks)
    assert hooks.facts() is None
    done = run(started, shell=shell, **JOB)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert hooks.facts(JOB["RUNNER_NAME"]) == FACTS
    assert not hooks.completed()
    assert run(completed, shell=shell, **JOB).returncode == 0
    assert hooks.completed()
    assert sorted(path.name for path in (work / "facts").iterdir()) == ["completed", "started"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda notes: notes.rmdir(),
        lambda notes: (notes / "started").mkdir(),
        lambda notes: (notes.rmdir(), notes.write_text("a file")),
    ],
    ids=["gone", "a directory in its place", "a file in its place"],
)
def test_the_hook_never_fails(work: Path, harm: Callable[[Path], object]) -> None:
    """Whatever became of the place for its note: a job must not fail because of us."""
    hooks = Hooks(work)
    started, _ = installed(hooks)
    harm(work / "facts")
    done = run(started, **JOB)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert hooks.facts() is None


def test_the_hook_does_not_fail_on_a_full_disk(work: Path) -> None:
    """A file size limit of nothing stands for a full disk: no note, no half of one, and no failure."""
    hooks = Hooks(work)
    started, _ = installed(hooks)
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; ulimit -f 0; exec bash -e \"{'$0'}\"", started],
        env={"PATH": "/usr/bin:/bin", **JOB},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
    assert hooks.facts() is None


def test_the_hook_works_without_any_of_its_variables(work: Path) -> None:
    """A runner that sets none of them still gets its job run; the note says nothing."""
    hooks = Hooks(work)
    started, _ = installed(hooks)
    assert run(started).returncode == 0
    assert hooks.facts() is None


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("mode", [0o755, 0o644], ids=["executable", "a text"])
def test_the_images_own_hook_runs_after_ours_and_decides(work: Path, tmp_path: Path, mode: int, code: int) -> None:
    """It sees the same environment, and its exit code is the hook's."""
    own = tmp_path / "it's mine.sh"
    own.write_text(f'#!/bin/sh\necho "own $GITHUB_JOB"\nexit {code}\n')
    own.chmod(mode)
    hooks = Hooks(work, started=own)
    started, _ = installed(hooks)
    done = run(started, **JOB)
    assert (done.returncode, done.stdout) == (code, b"own build\n")
    assert hooks.facts() == FACTS


def test_a_hook_that_is_not_there_is_refused_at_once(work: Path) -> None:
    """At the agent's start, not in every job."""
    with pytest.raises(ValueError, match=r"hooks_completed: found '/nonexistent\.sh', wanted the absolute path"):
        Hooks(work, completed=Path("/nonexistent.sh"))


def test_the_first_word_stays(work: Path) -> None:
    """What the job writes later, when its steps run, changes nothing."""
    hooks = Hooks(work)
    started, _ = installed(hooks)
    run(started, **JOB)
    assert hooks.facts() == FACTS
    run(started, **{**JOB, "GITHUB_REPOSITORY": "evil/other"})
    assert hooks.facts() == FACTS


def test_another_runners_note_is_not_ours(work: Path) -> None:
    """The note names the runner it was written on."""
    hooks = Hooks(work)
    started, _ = installed(hooks)
    run(started, **JOB)
    assert hooks.facts("paddock--m-2--xyz") is None
    assert hooks.facts("paddock--m-1--abc") == FACTS


def test_a_workflows_name_cannot_forge_another_field(work: Path) -> None:
    """A name may hold line breaks; the line that counts is the first of its kind, and control characters go."""
    hooks = Hooks(work)
    started, _ = installed(hooks)
    run(started, **{**JOB, "GITHUB_WORKFLOW": "CI\x1b[31m\nrepository=evil/other\nrun_id=1"})
    assert hooks.facts() == JobFacts("acme/shop", 7001, 2, "build", "CI [31m")


TEXT = "repository=acme/shop\nrun_id=7001\n"


def link(path: Path) -> None:
    path.with_name("real").write_text(TEXT)
    path.symlink_to("real")


def hard_link(path: Path) -> None:
    path.with_name("real").write_text(TEXT)
    path.hardlink_to(path.with_name("real"))


def linked_directory(path: Path) -> None:
    real = path.parent.with_name("elsewhere")
    real.mkdir()
    (real / "started").write_text(TEXT)
    path.parent.rmdir()
    path.parent.symlink_to(real)


@pytest.mark.parametrize(
    "put",
    [
        link,
        hard_link,
        linked_directory,
        lambda path: path.mkdir(),
        os.mkfifo,
        lambda path: path.write_text(TEXT + "x" * MAX_NOTE),
        lambda path: path.write_bytes(b"\xff" * 100),
        lambda path: path.write_text("repository=acme/shop\n"),
        lambda path: path.write_text("run_id=7001\nrepository=../shop/..\n"),
        lambda path: path.write_text("run_id=0\nrepository=acme/shop\n"),
        lambda path: path.write_text("run_id=" + "9" * 1000 + "\nrepository=acme/shop\n"),
        lambda path: path.write_text("run_id=\u0667\nrepository=acme/shop\n"),
    ],
    ids=[
        "link", "hard link", "linked directory", "directory", "pipe", "too long", "not text", "no run", "a path",
        "run 0", "a huge run", "other digits",
    ],
)  # fmt: skip
def test_a_note_that_is_none_says_nothing(work: Path, put: Callable[[Path], object]) -> None:
    """The job may put anything into the place: it is not followed, not waited for, not believed."""
    hooks = Hooks(work)
    installed(hooks)
    put(work / "facts" / "started")
    assert hooks.facts() is None


@given(st.text(st.sampled_from("repositoyun_idjbwklfa=/.-%\n\r\x000123456789é")) | st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text is an error, and what comes out has the form of what it says it is."""
    facts = _read(TEXT + text, "")
    assert facts is not None
    assert (facts.repository, facts.run_id) == ("acme/shop", 7001)
    assert facts.workflow == "" or facts.workflow.isprintable()
    assert facts.run_attempt is None or facts.run_attempt >= 1
    alone = _read(text, "")
    assert alone is None or alone.run_id >= 1
