"""The play of an acceptance, with parts that fail: everything is removed, and nothing waits for ever."""

from collections.abc import Iterable

import attrs
import pytest

from paddock.adapters.memory import ManualClock, ManualSleeper
from paddock.core.errors import AccessDenied, PaddockError, Rejected, Unavailable
from paddock.core.job import Job, JobFacts
from paddock.core.ports.github import GitHubJob
from paddock.core.runner import runner_name
from paddock.core.states import JobState
from paddock.core.units import HOUR, MINUTE
from paddock.entrypoints.acceptance.estimate import estimated
from paddock.entrypoints.acceptance.play import INTERRUPTED, Parts, Patience, Playing
from paddock.entrypoints.acceptance.ports import Tell
from paddock.entrypoints.acceptance.scenarios import SCENARIOS, Cue, Scenario, chosen, label_of
from paddock.entrypoints.acceptance.values import Books, Interruption, RunSeen
from paddock.entrypoints.aws_acceptance.opening import Opened

CLEANED = ["clean repository", "clean interrupter", "destroy"]


@attrs.define
class Fake:
    """All ports in one. ``fail`` are errors by what is done; ``acts`` is what was done.

    A run is queued at the first look, runs at the second, and is over at the third; one that waits for its cue goes on
    until it was cancelled. ``stuck``: no run ever ends; ``unlisted``: GitHub lists none.
    """

    fail: dict[str, BaseException] = attrs.field(factory=dict)
    acts: list[str] = attrs.field(factory=list)
    lines: list[str] = attrs.field(factory=list)
    refused: str = ""
    stuck: bool = False
    unlisted: bool = False
    _looks: dict[int, int] = attrs.field(factory=dict)
    _cancelled: set[int] = attrs.field(factory=set)

    def did(self, act: str) -> None:
        """Note it, or fail in it."""
        self.acts.append(act)
        if act in self.fail:
            raise self.fail[act]

    def deploy(self, tell: Tell) -> str:
        """See the port."""
        tell("made")
        self.did("deploy")
        return "https://example.com/"

    def destroy(self, tell: Tell) -> None:
        """See the port."""
        tell("gone")
        self.did("destroy")

    def left(self) -> tuple[str, ...]:
        """See the port."""
        return ()

    def prepare(self, webhook: str) -> None:
        """See the port."""
        self.did(f"prepare {webhook}")

    def start(self, scenario: Scenario) -> None:
        """See the port."""
        self.did(f"start {scenario.name}")

    def find(self, scenario: Scenario) -> int | None:
        """See the port."""
        self.did("find")
        return None if self.unlisted else 1 + SCENARIOS.index(scenario)

    def look(self, run_id: int) -> RunSeen:
        """See the port."""
        self.did("look")
        looks = self._looks[run_id] = self._looks.get(run_id, 0) + 1
        scenario = SCENARIOS[run_id - 1]
        waits = scenario.cue is not Cue.NONE and run_id not in self._cancelled
        over = looks > 2 and not waits and not self.stuck
        status = "queued" if looks == 1 else "completed" if over else "in_progress"
        facts = JobFacts(run_id, run_id, "acme/shop", ("paddock",))
        job = GitHubJob(facts, status, "success" if over else None, 1, runner_name("i-1", "x") if looks > 1 else None)
        return RunSeen(status=status, conclusion=job.conclusion, attempt=1, jobs=(job,))

    def cancel(self, run_id: int) -> None:
        """See the port."""
        self._cancelled.add(run_id)
        self.did(f"cancel {run_id}")

    def registrations(self) -> tuple[str, ...]:
        """See the port."""
        return ()

    def interrupt(self, machine: str) -> Interruption:
        """See the port."""
        self.did(f"interrupt {machine}")
        return Interruption(machine=machine, why=self.refused or "not here")

    def books(self, jobs: Iterable[int], *, stories: bool) -> Books:
        """See the port."""
        self.did("stories" if stories else "books")
        records = {one: Job(JobFacts(one, one, "acme/shop", ()), JobState.FINISHED) for one in jobs}
        return Books(jobs=records, verdicts=dict.fromkeys(records, ("gone",)))


@attrs.define
class Cleaner:
    """A port's `clean`, under its own name; all else is the fake's."""

    fake: Fake
    name: str

    def clean(self, tell: Tell) -> None:
        """See the port."""
        tell(self.name)
        self.fake.did(f"clean {self.name}")

    def __getattr__(self, name: str) -> object:
        return getattr(self.fake, name)


def playing(fake: Fake, *names: str, keep: bool = False) -> tuple[Playing, ManualClock]:
    """A play of these scenarios, on manual time."""
    clock = ManualClock()
    parts = Parts(
        environment=fake,
        workflows=Cleaner(fake, "repository"),  # type: ignore[arg-type]  # by `__getattr__`
        interrupter=Cleaner(fake, "interrupter"),  # type: ignore[arg-type]  # as above
        observer=fake,
        clock=clock,
        sleeper=ManualSleeper(clock),
        tell=fake.lines.append,
    )
    return Playing(parts, chosen(names), keep=keep), clock


def test_a_play_from_beginning_to_end() -> None:
    """Made, started, followed, cued, looked at, removed, in this order."""
    fake = Fake()
    play, _ = playing(fake, "hello", "cancelled")
    play.run()
    assert [act for act in fake.acts if act not in {"look", "find"}] == [
        *("deploy", "prepare https://example.com/", "start hello", "start cancelled", "cancel 4", "books", "stories"),
        *CLEANED,
    ]
    assert (play.problems, play.left) == ([], ())
    assert {name: one.run.conclusion for name, one in play.played.items() if one.run} == {
        "hello": "success",
        "cancelled": "success",
    }


@pytest.mark.parametrize("act", ["deploy", "prepare https://example.com/", "start hello", "books"])
@pytest.mark.parametrize("error", [Rejected("refused"), Unavailable("away"), KeyboardInterrupt()], ids=repr)
def test_whatever_fails_everything_is_removed(act: str, error: BaseException) -> None:
    """By a refusal, an outage, or Ctrl-C: what went wrong is noted, and each part is cleaned."""
    fake = Fake(fail={act: error})
    play, _ = playing(fake, "hello")
    play.run()
    assert fake.acts[-3:] == CLEANED
    assert play.problems == [INTERRUPTED if isinstance(error, KeyboardInterrupt) else str(error)]
    assert play.left == ()


def test_a_fault_of_ours_is_told_when_everything_is_removed() -> None:
    """Even an error that nobody foresaw leaves nothing behind."""
    fake = Fake(fail={"start hello": ZeroDivisionError()})
    play, _ = playing(fake, "hello")
    with pytest.raises(ZeroDivisionError):
        play.run()
    assert fake.acts[-3:] == CLEANED


def test_each_run_is_cancelled_by_itself() -> None:
    """Also one whose start lost its answer; one that cannot be cancelled keeps no other from it."""
    fake = Fake(fail={"start cancelled": Unavailable("lost"), "cancel 1": Unavailable("away")})
    play, _ = playing(fake, "hello", "cancelled")
    play.run()
    assert fake.acts[-7:] == ["find", "cancel 1", "find", "cancel 4", *CLEANED]
    assert play.problems == ["lost", "away"]


@pytest.mark.parametrize("act", CLEANED)
def test_a_part_that_cannot_be_removed_keeps_no_other(act: str) -> None:
    """Its error is noted; the rest goes."""
    fake = Fake(fail={act: AccessDenied("no right")})
    play, _ = playing(fake, "hello")
    play.run()
    assert fake.acts[-3:] == CLEANED
    assert play.problems == ["no right"]


@pytest.mark.parametrize("error", [SystemExit(1), BrokenPipeError(), ZeroDivisionError()], ids=repr)
def test_a_terminal_that_is_gone_keeps_nothing_from_being_removed(error: BaseException) -> None:
    """Whatever telling raises, the other parts go, and it is raised when they have."""
    fake = Fake()

    def tell(line: str) -> None:
        """Nobody hears it any more."""
        if line == "repository" or line.startswith("went wrong"):
            raise error

    play, _ = playing(fake, "hello")
    play.parts = attrs.evolve(play.parts, tell=tell)
    with pytest.raises(type(error)):
        play.run()
    assert fake.acts[-2:] == CLEANED[1:]
    assert play.left == ()
    assert play.problems[0].startswith(type(error).__name__)


def test_what_cannot_be_looked_for_keeps_nothing_else() -> None:
    """An earlier acceptance's things are removed by whoever has no rights at FIS and no access to the repository."""

    @attrs.define
    class Adopted:
        """A part that takes on what is there, or cannot."""

        error: PaddockError
        begun: bool = False

        def adopt(self, *_: object) -> None:
            """Fail."""
            raise self.error

    fake = Fake()
    play, _ = playing(fake)
    repository, interrupter = Adopted(Unavailable("GitHub is away")), Adopted(AccessDenied("FIS says no"))
    opened = Opened(
        parts=play.parts,
        environment=repository,  # type: ignore[arg-type]  # of which it only is noted that it has begun
        repository=repository,  # type: ignore[arg-type]  # by its method
        interrupter=interrupter,  # type: ignore[arg-type]  # as above
        observer=fake,  # type: ignore[arg-type]  # nobody asks it
    )
    opened.adopt(play.note)
    play.remove()
    assert repository.begun
    assert play.problems == ["GitHub is away", "FIS says no"]
    assert fake.acts == CLEANED


def test_a_second_interruption_cuts_the_removal_off() -> None:
    """It is raised, and nobody claims to know what is left."""
    fake = Fake(fail={"start hello": KeyboardInterrupt(), "clean interrupter": KeyboardInterrupt()})
    play, _ = playing(fake, "hello")
    with pytest.raises(KeyboardInterrupt):
        play.run()
    assert "destroy" not in fake.acts
    assert play.left is None
    assert "interrupt again to leave it" in "\n".join(fake.lines)


def test_what_is_kept_is_not_removed() -> None:
    """As it was wished; nobody looks for what is left."""
    fake = Fake()
    play, _ = playing(fake, "hello", keep=True)
    play.run()
    assert not set(CLEANED) & set(fake.acts)
    assert play.left is None


@pytest.mark.parametrize("fake", [Fake(stuck=True), Fake(unlisted=True)], ids=["stuck", "unlisted"])
def test_nobody_waits_for_ever(fake: Fake) -> None:
    """A run that does not end, or is never listed, is a problem of its scenario; it is cancelled if it is there."""
    play, clock = playing(fake, "hello")
    began = clock.now()
    play.run()
    patience = Patience()
    assert clock.now() - began <= patience.scenarios + patience.settle + MINUTE
    assert "was not over after 30 min" in play.played["hello"].problem
    assert ("cancel 1" in fake.acts) is fake.stuck
    assert fake.acts[-3:] == CLEANED


def test_an_interruption_that_is_refused_is_told_and_the_run_is_ended() -> None:
    """Its job would sleep for long: the run is cancelled, and why it cannot be verified is kept."""
    fake = Fake(refused="skipped for want of rights")
    play, _ = playing(fake, "interrupted")
    play.run()
    order = play.played["interrupted"].interruption
    assert order is not None
    assert (order.done, order.why) == (False, "skipped for want of rights")
    assert fake.acts.count("interrupt i-1") == fake.acts.count("cancel 5") == 1


def test_a_passing_fault_while_looking_is_passed_over() -> None:
    """It is told, and looked again."""

    class Flaky(Fake):
        def look(self, run_id: int) -> RunSeen:
            """See the port."""
            if "look" not in self.acts:
                self.acts.append("look")
                raise Unavailable("GitHub is away")
            return super().look(run_id)

    fake = Flaky()
    play, _ = playing(fake, "hello")
    play.run()
    assert play.problems == []
    assert "hello: GitHub is away" in fake.lines


def test_a_passing_fault_while_settling_is_passed_over() -> None:
    """It spoils no verdict; one that goes on until the deadline is a problem."""

    class Flaky(Fake):
        def books(self, jobs: Iterable[int], *, stories: bool) -> Books:
            """See the port."""
            if self.acts[-1] in {"find", "look"}:
                self.acts.append("no books")
                raise Unavailable("AWS is away")
            return super().books(jobs, stories=stories)

    fake = Flaky()
    play, _ = playing(fake, "hello")
    play.run()
    assert (play.problems, set(play.books.jobs)) == ([], {1})
    assert "looked in vain: AWS is away" in fake.lines
    away = Fake(fail={"books": Unavailable("AWS is away")})
    play, clock = playing(away, "hello")
    began = clock.now()
    play.run()
    assert play.problems == ["AWS is away"]
    assert clock.now() - began >= Patience().settle


def test_the_label_is_the_environments_own() -> None:
    """So that no other fleet that hears of the repository serves them."""
    assert label_of("acceptance-1", "hello", "arm64") == "paddock/cpu=2/arch=arm64/env=acceptance-1/x-scenario=hello"


def test_the_estimate_grows_with_what_is_played() -> None:
    """All scenarios are eight machines for a dollar or so; a scenario that is not there is refused."""
    patience = Patience()
    whole, hello = (estimated(each, 8_000_000, patience, "x64") for each in (SCENARIOS, SCENARIOS[:1]))
    assert (whole.machines, hello.machines) == (8, 1)
    assert 0 < hello.cost < whole.cost < 3_000_000
    assert whole.span < 2 * HOUR
    with pytest.raises(PaddockError, match="must be one of hello, matrix"):
        chosen(["hallo"])
