"""An assignment whose runner registers itself by a token."""

from typing import Any

from paddock.agent.assignment import Assignment, parse_assignment

SECRET = "AAAREGISTRATIONTOKEN"
NAME = "paddock--box--1a2b3c"
SETTINGS = {"AgentId": 17, "AgentName": NAME, "Ephemeral": True}


def orders(**fields: object) -> Assignment:
    """An assignment that the runner registers itself for."""
    data: dict[str, Any] = {
        "kind": "assignment",
        "version": 1,
        "machine": "box",
        "job_id": 1,
        "launch": 1,
        "repository": "acme/shop",
        "labels": ["paddock/cpu=2", "x"],
        "runner_name": NAME,
        "runner_id": 0,
        "package": {"version": "2.336.0", "url": "https://x.example/r", "sha256": "0" * 64, "filename": "r.tar.gz"},
        "registration": {"url": "https://github.com/acme/shop", "token": SECRET, "group": ""},
        **fields,
    }
    return parse_assignment(data)
