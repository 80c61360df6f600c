"""Which just-in-time configurations the agent lets the Listener have."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.registration.jit import check_jit_config
from tests.agent.runner_package import RUNNER_ID, SECRET, jit_config


def refusal(encoded: str, runner_id: int = RUNNER_ID) -> str:
    """Why the configuration is refused."""
    with pytest.raises(AgentFailure) as caught:
        check_jit_config(encoded, runner_id)
    assert caught.value.reason is Reason.BAD_JIT_CONFIG
    return caught.value.detail


def encode(data: object) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()


@pytest.mark.parametrize("runner_id", [RUNNER_ID, str(RUNNER_ID)], ids=["number", "text"])
def test_accepts_its_own_configuration(runner_id: object) -> None:
    """The three files, and the id of this machine's runner as a number or a text: nothing to object to."""
    check_jit_config(jit_config(runner_id), RUNNER_ID)
    assert refusal(jit_config(runner_id), RUNNER_ID + 1)


@pytest.mark.parametrize("name", ["run.sh", "../../etc/cron.d/x", ".env", ".Runner", "bin/Runner.Listener", ""])
def test_refuses_any_other_file(name: str) -> None:
    """The Listener writes whatever file it finds in there, so only the three it needs may be in there."""
    assert "only .credentials, .credentials_rsaparams, .runner may be written" in refusal(jit_config(more={name: b"x"}))


@pytest.mark.parametrize(
    "agent_id", [RUNNER_ID + 1, str(RUNNER_ID + 1), None, True, 4711.0, "x", [RUNNER_ID]], ids=repr
)
def test_refuses_another_runners_configuration(agent_id: object) -> None:
    """A configuration whose AgentId is not the one GitHub gave for this machine is refused."""
    assert "AgentId" in refusal(jit_config(agent_id))


def test_refuses_two_agent_ids() -> None:
    """.NET reads names without regard to case, so two spellings would let one id be checked and the other be used."""
    runner = json.dumps({"AgentId": RUNNER_ID, "agentid": 666}).encode()
    assert "2 times" in refusal(jit_config(more={".runner": runner}))


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "not base64 of a JSON object"),
        ("§§§", "not base64"),
        (base64.b64encode(b"not json").decode(), "not base64 of a JSON object"),
        (encode(["x"]), "not a JSON object"),
        (encode({".credentials": ""}), ".runner is missing"),
        (encode({".runner": 7}), ".runner is not base64"),
        (encode({".runner": "§"}), ".runner is not base64"),
        (encode({".runner": base64.b64encode(b"[").decode()}), ".runner is not JSON"),
        (encode({".runner": base64.b64encode(b"[]").decode()}), ".runner is not a JSON object"),
        (base64.b64encode(b"[" * 100_000).decode(), "not base64 of a JSON object"),
    ],
)
def test_says_what_is_wrong(encoded: str, why: str) -> None:
    """Whatever is broken, the refusal says which part of it."""
    assert why in refusal(encoded)


def test_a_refusal_never_quotes_the_secret() -> None:
    """The text goes into logs and reports: no private key may be in it."""
    assert SECRET not in refusal(jit_config(1))
    assert SECRET not in refusal(jit_config(more={"x": SECRET.encode()}))


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode())))
def test_garbage_is_refused_and_nothing_else_happens(encoded: str) -> None:
    """Any text is either refused with the one reason, or was a configuration for this runner."""
    assert refusal(encoded)
