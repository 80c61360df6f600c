"""Registration by token: what the program is called with, what its words mean, and what it is believed."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import pytest

from paddock.agent.assignment import Assignment
from paddock.agent.job.environment import JIT_CONFIG
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.registration.program import Ran
from paddock.agent.registration.register import register
from paddock.agent.registration.token import TOKEN, configure, meaning, read_settings, unregister
from tests.agent.runner_package import RUNNER_ID, jit_config
from tests.agent.self_registration import NAME, SECRET, SETTINGS, orders


@attrs.define
class Program:
    """Stands for the runner's program: says what it was told to say, and remembers what it was called with."""

    root: Path
    answers: list[Ran]
    settings: object = attrs.field(factory=lambda: SETTINGS)
    calls: list[tuple[tuple[str, ...], dict[str, str]]] = attrs.field(factory=list)

    def __call__(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], patience: int
    ) -> Ran:
        """Be run."""
        assert directory == self.root
        assert 0 < patience <= 120_000_000
        self.calls.append((tuple(command), dict(environment)))
        ran = self.answers.pop(0)
        if ran.exit_code == 0:
            text = self.settings if isinstance(self.settings, str) else json.dumps(self.settings)
            (self.root / ".runner").write_text(text, encoding="utf-8-sig")
        return ran


def refused(program: Program, assignment: Assignment | None = None) -> AgentFailure:
    """The refusal to register."""
    with pytest.raises(AgentFailure) as caught:
        configure(assignment or orders(), program.root, run=program, environment={"PATH": "/bin"})
    return caught.value


def test_the_token_is_in_the_environment_alone(tmp_path: Path) -> None:
    """The command line, which anybody can read, has everything but the secret; the result is GitHub's number."""
    program = Program(tmp_path, [Ran(0, "√ Settings Saved.")])
    registered = register(orders(), tmp_path, run=program, environment={"PATH": "/bin"})
    assert (registered.runner_id, dict(registered.environment)) == (17, {})
    ((command, environment),) = program.calls
    assert command == (
        f"{tmp_path}/bin/Runner.Listener",
        "configure",
        "--unattended",
        "--ephemeral",
        "--disableupdate",
        "--no-default-labels",
        "--url",
        "https://github.com/acme/shop",
        "--name",
        NAME,
        "--labels",
        "paddock/cpu=2,x",
        "--work",
        "_work",
    )
    assert environment == {"PATH": "/bin", TOKEN: SECRET}


def test_a_group_is_named_where_there_is_one(tmp_path: Path) -> None:
    """The runner group's name is an option of its own."""
    program = Program(tmp_path, [Ran(0, "")])
    registration = {"url": "https://github.com/acme", "token": SECRET, "group": "big ones"}
    configure(orders(registration=registration), tmp_path, run=program, environment={})
    assert program.calls[0][0][-2:] == ("--runnergroup", "big ones")


NOT_FOUND = (
    "Http response code: NotFound from 'POST https://api.github.com/actions/runner-registration'\n"
    '{"message":"Not Found"}\nResponse status code does not indicate success: 404 (Not Found).'
)
SKEW = "The local machine's clock may be out of sync with the server time by more than five minutes. Please sync"
WORDS = [
    (NOT_FOUND, Reason.REGISTRATION_REFUSED),
    (NOT_FOUND.replace("NotFound", "Unauthorized").replace("404 (Not Found)", "401"), Reason.REGISTRATION_REFUSED),
    ("Response status code does not indicate success: 403 (Forbidden).", Reason.REGISTRATION_REFUSED),
    ("Invalid configuration provided for token. Terminating unattended", Reason.REGISTRATION_REFUSED),
    ("A runner exists with the same name paddock--box--1a2b3c.", Reason.RUNNER_NAME_TAKEN),
    ('Could not find any self-hosted runner group named "x".', Reason.RUNNER_GROUP_UNKNOWN),
    ("Could not find any self-hosted runner groups. Contact support.", Reason.RUNNER_GROUP_UNKNOWN),
    (
        "The GitHub server does not support configuring a self-hosted runner with 'Ephemeral' flag.",
        Reason.NOT_EPHEMERAL,
    ),
    ("An error occurred: Runner version v2.300.0 is deprecated and cannot receive messages.", Reason.VERSION_TOO_OLD),
    (SKEW, Reason.CLOCK_SKEW),
    ("System.IO.IOException: No space left on device : '/x/.runner'", Reason.LOW_DISK),
    ("Response status code does not indicate success: 503 (Service Unavailable).", Reason.REGISTRATION_UNREACHABLE),
    ("Response status code does not indicate success: 429 (Too Many).", Reason.REGISTRATION_UNREACHABLE),
    ("Connection refused (api.github.com:443)", Reason.REGISTRATION_UNREACHABLE),
    ("Name or service not known (api.github.com:443)", Reason.REGISTRATION_UNREACHABLE),
    ("Resource temporarily unavailable (api.github.com:443)", Reason.REGISTRATION_UNREACHABLE),
    ("Object reference not set to an instance of an object.", Reason.REGISTRATION_FAILED),
    ("", Reason.REGISTRATION_FAILED),
]


@pytest.mark.parametrize(("output", "reason"), WORDS, ids=[f"{reason}: {text[:60]}" for text, reason in WORDS])
def test_what_it_says_is_understood(output: str, reason: Reason, tmp_path: Path) -> None:
    """Each of the program's complaints has a reason of its own; whatever else it says is a failure all the same."""
    assert meaning(Ran(1, output)) is reason
    failure = refused(Program(tmp_path, [Ran(1, output), Ran(1, output)]))
    assert failure.reason is reason
    assert "exit code 1" in failure.detail


def test_a_try_without_an_answer_is_made_good(tmp_path: Path) -> None:
    """The first try may have registered the name, so the second replaces it; a third there is not."""
    silence = Ran(None, "")
    program = Program(tmp_path, [silence, Ran(0, "")])
    assert configure(orders(), tmp_path, run=program, environment={}) == 17
    assert ["--replace" in command for command, _ in program.calls] == [False, True]
    program = Program(tmp_path, [silence, silence, Ran(0, "")])
    failure = refused(program)
    assert failure.reason is Reason.REGISTRATION_UNREACHABLE
    assert "had not ended after 60 s" in failure.detail
    assert len(program.calls) == 2


def test_a_refusal_is_final(tmp_path: Path) -> None:
    """What GitHub refused once it would refuse again; the name is not taken over either."""
    program = Program(tmp_path, [Ran(1, "A runner exists with the same name x."), Ran(0, "")])
    assert refused(program).reason is Reason.RUNNER_NAME_TAKEN
    assert len(program.calls) == 1


def test_the_words_are_kept_without_the_token_and_the_banner(tmp_path: Path) -> None:
    """The report quotes the end of what was said; the secret and the drawing on top of it stay out."""
    banner = "-----\n|   Self-hosted runner registration   |\n# Authentication\n"
    failure = refused(Program(tmp_path, [Ran(1, f"{banner}{'x' * 2000}\nbad token {SECRET}\n")]))
    assert SECRET not in failure.detail
    assert "bad token ***" in failure.detail
    assert "Self-hosted" not in failure.detail
    assert len(failure.detail) < 900


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({**SETTINGS, "AgentName": "another"}, Reason.REGISTRATION_FAILED),
        ({**SETTINGS, "AgentId": 0}, Reason.REGISTRATION_FAILED),
        ({**SETTINGS, "AgentId": "x"}, Reason.REGISTRATION_FAILED),
        ({"AgentName": NAME}, Reason.REGISTRATION_FAILED),
        ("no json", Reason.REGISTRATION_FAILED),
        ("[]", Reason.REGISTRATION_FAILED),
        ("[" * 100_000, Reason.REGISTRATION_FAILED),
        ({**SETTINGS, "Ephemeral": False}, Reason.NOT_EPHEMERAL),
        ({"AgentId": 17, "AgentName": NAME}, Reason.NOT_EPHEMERAL),
    ],
)
def test_success_is_looked_at(settings: object, reason: Reason, tmp_path: Path) -> None:
    """Exit code 0 is not enough: the number, the name and the one job must stand in `.runner`."""
    assert refused(Program(tmp_path, [Ran(0, "")], settings)).reason is reason


def test_settings_as_dotnet_may_write_them(tmp_path: Path) -> None:
    """A byte order mark, names in another spelling, numbers and truths as texts."""
    (tmp_path / ".runner").write_text('{"agentId": "17", "AGENTNAME": "n", "ephemeral": "True"}', encoding="utf-8-sig")
    found = read_settings(tmp_path)
    assert (found.agent_id, found.agent_name, found.ephemeral) == (17, "n", True)


def test_a_link_in_place_of_the_settings_is_not_followed(tmp_path: Path) -> None:
    """The directory belongs to the runner's user; what it points at is not for us to read."""
    (tmp_path / "elsewhere").write_text(json.dumps(SETTINGS))
    (tmp_path / ".runner").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AgentFailure) as caught:
        read_settings(tmp_path)
    assert caught.value.reason is Reason.REGISTRATION_FAILED


@pytest.mark.parametrize(
    "fields",
    [
        {"labels": ["a,b"]},
        {"labels": ["--replace"]},
        {"registration": {"url": "http://x", "token": "t", "group": "--p"}},
    ],
    ids=["comma", "label like an option", "group like an option"],
)
def test_what_would_be_read_otherwise_is_refused(fields: dict[str, object], tmp_path: Path) -> None:
    """A label with a comma would be two, a value that begins with dashes an option: neither reaches the program."""
    program = Program(tmp_path, [Ran(0, "")])
    assert refused(program, orders(**fields)).reason is Reason.BAD_ASSIGNMENT
    assert program.calls == []


def test_the_jit_configuration_comes_first(tmp_path: Path) -> None:
    """With one, nothing is run: it is checked, and goes to the Listener by its environment, out of sight of `repr`."""
    program = Program(tmp_path, [])
    encoded = jit_config()
    registered = register(
        orders(jit_config=encoded, runner_id=RUNNER_ID, registration=None), tmp_path, run=program, environment={}
    )
    assert (registered.runner_id, dict(registered.environment)) == (RUNNER_ID, {JIT_CONFIG: encoded})
    assert encoded not in repr(registered)
    with pytest.raises(AgentFailure) as caught:
        register(orders(jit_config=encoded, runner_id=1), tmp_path, run=program, environment={})
    assert caught.value.reason is Reason.BAD_JIT_CONFIG


def test_unregister_is_best_effort(tmp_path: Path) -> None:
    """Only a runner that still has its registration is taken back, and no failure of that matters to anybody."""
    registration = orders().registration
    program = Program(tmp_path, [Ran(0, ""), Ran(1, "")])
    assert not unregister(registration, tmp_path, run=program, environment={})
    (tmp_path / ".runner").write_text("{}")
    assert not unregister(None, tmp_path, run=program, environment={})
    assert program.calls == []
    assert unregister(registration, tmp_path, run=program, environment={})
    assert not unregister(registration, tmp_path, run=program, environment={})
    assert program.calls[0] == ((f"{tmp_path}/bin/Runner.Listener", "remove"), {TOKEN: SECRET})

    def broken(*_: object, **__: object) -> Ran:
        raise OSError(2, "No such file or directory")

    assert not unregister(registration, tmp_path, run=broken, environment={})


def test_a_program_that_cannot_be_run(tmp_path: Path) -> None:
    """No Listener to run: a reason, not a crash."""

    def broken(*_: object, **__: object) -> Ran:
        raise OSError(2, "No such file or directory")

    with pytest.raises(AgentFailure) as caught:
        configure(orders(), tmp_path, run=broken, environment={})
    assert caught.value.reason is Reason.REGISTRATION_FAILED
    assert caught.value.detail == "bin/Runner.Listener configure cannot be executed: No such file or directory"
