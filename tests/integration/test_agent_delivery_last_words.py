"""After the agent's sudden death: whoever comes next tells the truth, once, and contradicts nothing that was told."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from paddock.agent.telling.delivery import deliver_spool
from paddock.agent.telling.report import Event, Report, Result
from paddock.agent.telling.state import STATE, StateFile, last_words
from paddock.core.codec import message_from_data
from paddock.core.messages import ReportEvent, RunnerReported
from paddock.core.states import OperationalResult
from tests.agent.telling import NOON, ToldTransport, a_log, a_report
from tests.contracts import breaches

NAMES = {"machine": "m-1", "job_id": 17, "launch": 2, "runner_name": "paddock--m-1--x", "runner_id": 4711}


def read(report: Report) -> RunnerReported:
    """The report as the core reads it, held to the published schema."""
    data = json.loads(json.dumps(report.to_data()))
    assert breaches("runner_reported", data) == []
    message = message_from_data(data)
    assert isinstance(message, RunnerReported)
    return message


def owed(directory: Path) -> RunnerReported:
    """The last words, which must be there."""
    report = last_words(directory, NOON)
    assert report is not None
    return read(report)


def test_an_agent_that_died_before_the_job_failed_to_start(tmp_path: Path) -> None:
    """With its names, so that the job can be launched again."""
    StateFile(tmp_path).note("prepare", **NAMES)
    told = owed(tmp_path)
    assert (told.event, told.result) == (ReportEvent.FAILED_TO_START, OperationalResult.FAILED_TO_START)
    assert (told.reason, told.at, told.job_id, told.launch, told.runner_id) == ("agent_died", NOON, 17, 2, 4711)
    assert told.detail == "the agent was gone, last seen in phase prepare"


def test_an_agent_that_died_during_the_job_was_interrupted(tmp_path: Path) -> None:
    """What the job was, and when it started, is kept of the last report, whichever it was."""
    state = StateFile(tmp_path)
    state.note("listening", **NAMES)
    began = a_report(Event.STARTED, started_at=NOON - 5, ready_at=NOON - 9, job_name="build", phases={"extract": 3})
    state.telling(began.to_data(), final=False)
    told = owed(tmp_path)
    assert (told.event, told.result) == (ReportEvent.FINISHED, OperationalResult.INTERRUPTED)
    assert (told.reason, told.interrupted_by, told.job_name) == ("agent_died", "agent_died", "build")
    assert (told.started_at, told.finished_at, told.phases) == (NOON - 5, None, {"extract": 3})


def test_an_end_that_was_decided_and_not_told_is_told_as_it_was(tmp_path: Path) -> None:
    """Word for word: if it did go out before the death, the second is a duplicate and no contradiction."""
    state = StateFile(tmp_path)
    state.note("ending", **NAMES)
    final = a_report(Event.FINISHED, NOON - 7, result=Result.SERVED, conclusion="failure", exit_code=0, started_at=3)
    state.telling(final.to_data(), final=True)
    assert last_words(tmp_path, NOON) == final


def test_a_machine_that_waited_in_a_pool_owes_nothing(tmp_path: Path) -> None:
    """To end in standby is no failure; nor does a machine speak on which no agent lived."""
    assert last_words(tmp_path, NOON) is None
    StateFile(tmp_path).note("standby", machine="m-1")
    assert last_words(tmp_path, NOON) is None
    StateFile(tmp_path).note("assignment", machine="m-1")
    assert owed(tmp_path).job_id == 0


def test_what_comes_after_the_final_report_does_not_take_it_back(tmp_path: Path) -> None:
    """A late phase writes no new state."""
    state = StateFile(tmp_path)
    state.telling(a_report(Event.FINISHED).to_data(), final=True)
    state.told()
    state.note("off")
    assert last_words(tmp_path, NOON) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "{}", "[" * 100_000, '{"facts": 3, "final": []}', '{"final": {"event": "exploded"}}'],
)
def test_a_damaged_state_is_not_believed(tmp_path: Path, text: str) -> None:
    """Either nothing is said, or what can be known without it."""
    (tmp_path / STATE).write_text(text)
    report = last_words(tmp_path, NOON)
    assert report is None or read(report).machine == tmp_path.name


@pytest.mark.parametrize("field", [field.name for field in attrs.fields(RunnerReported)])
def test_a_field_of_the_wrong_kind_never_reaches_the_control_plane(tmp_path: Path, field: str) -> None:
    """A state of another program's making gives a report that keeps to the contract."""
    wrongs: tuple[object, ...] = ([], {"x": "y"}, 1.5, "nonsense")
    for wrong in wrongs:
        state = {"phase": "job", "facts": {**NAMES, "started_at": 5, field: wrong}, "final": None}
        (tmp_path / STATE).write_text(json.dumps(state))
        assert owed(tmp_path).reason == "agent_died"


# Each moment is a program that tells on standard output that it has come to it, and then waits to be killed.
AGENT = """
import sys, time
from pathlib import Path
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.telling.delivery import Delivery
from paddock.agent.telling.log import Log
from paddock.agent.telling.report import Event, Report, Result
from paddock.agent.telling.state import StateFile

root, moment = Path(sys.argv[1]), sys.argv[2]
names = {"machine": "m-1", "job_id": 17, "launch": 1, "runner_name": "r"}

class Away:
    def send(self, data):
        if data["event"] == "finished" and moment == "sending":
            reach("sending")
        raise OSError("away")

def reach(name):
    if name == moment:
        print(name, flush=True)
        time.sleep(600)

state = StateFile(root)
delivery = Delivery(root / "spool", Away(), Log(root / "agent.log", SteadyClock()), state=state, pause=0.001)
if moment == "sending":
    Away.send = lambda self, data: reach("sending") if data["event"] == "finished" else None
reach("born")
state.note("prepare", **names)
reach("prepare")
delivery.send(Report(event=Event.STARTED, at=1, started_at=1, **names))
reach("job")
final = Report(event=Event.FINISHED, at=2, started_at=1, result=Result.SERVED, conclusion="success", **names)
state.telling(final.to_data(), final=True)
reach("decided")
delivery.send(final)
reach("told")
time.sleep(600)
"""


def events_of(told: list[dict[str, object]]) -> list[tuple[object, object]]:
    """Event and reason of each, in order."""
    return [(data["event"], data["reason"]) for data in told]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("born", []),
        ("prepare", [("failed_to_start", "agent_died")]),
        ("job", [("started", ""), ("finished", "agent_died")]),
        ("decided", [("started", ""), ("finished", "")]),
        ("told", [("started", ""), ("finished", "")]),
        ("sending", [("finished", "")]),
    ],
)
def test_kill_nine_at_any_moment(tmp_path: Path, moment: str, expected: list[tuple[str, str]]) -> None:
    """What was spooled and what is owed add up to the story as it was, with one end and no contradiction."""
    agent = subprocess.Popen([sys.executable, "-c", AGENT, str(tmp_path), moment], stdout=subprocess.PIPE)
    assert agent.stdout is not None
    try:
        assert agent.stdout.readline().strip().decode() == moment
    finally:
        agent.send_signal(signal.SIGKILL)
        agent.wait(30)
        agent.stdout.close()
    transport = ToldTransport()
    spool = tmp_path / "spool"
    assert deliver_spool(spool, transport, a_log(tmp_path), say=last_words(tmp_path, NOON), state=StateFile(tmp_path))
    assert events_of(transport.told) == expected
    again = ToldTransport()
    assert deliver_spool(spool, again, a_log(tmp_path), say=last_words(tmp_path, NOON))
    assert again.told == []
