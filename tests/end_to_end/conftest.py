"""What tests of whole fleets share."""

from pathlib import Path

import pytest

from tests.agent.zipapp import build


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent's single file."""
    made = tmp_path_factory.mktemp("agent") / "agent.pyz"
    build(made)
    return made
