"""A just-in-time configuration as large, and as hard to make smaller, as GitHub's.

The sizes: 426 bytes of settings and 225 of credentials stood in a runner's log that somebody published; the key is one
of RSA with 2,048 bits, of whose numbers every byte is as good as drawn. Here they are drawn.
"""

import base64
import json
from random import Random
from typing import Any

NUMBERS = {"d": 256, "dp": 128, "dq": 128, "exponent": 3, "inverseQ": 128, "modulus": 256, "p": 128, "q": 128}
"""Bytes of each number of the key."""


def jit_config(runner_name: str, runner_id: int, seed: int = 1) -> str:
    """The configuration of this runner: the base64 of a JSON object whose values are base64 of JSON objects."""
    chance = Random(seed)
    settings = {
        "AgentId": str(runner_id),
        "AgentName": runner_name,
        "PoolId": "1",
        "PoolName": "Default",
        "DisableUpdate": "True",
        "Ephemeral": "True",
        "ServerUrl": f"https://pipelines.example/{chance.randbytes(24).hex()}/",
        "ServerUrlV2": "https://broker.example/",
        "GitHubUrl": "",
        "WorkFolder": "_work",
        "UseV2Flow": "True",
        "UseRunnerAdminFlow": "False",
        "IsHostedServer": "True",
        "SkipSessionRecover": "False",
    }
    data = {
        "clientId": chance.randbytes(16).hex(),
        "authorizationUrl": f"https://tokens.example/_apis/oauth2/token/{chance.randbytes(16).hex()}",
        "requireFipsCryptography": "True",
    }
    key = {name: base64.b64encode(chance.randbytes(size)).decode() for name, size in NUMBERS.items()}
    files: dict[str, Any] = {
        ".runner": settings,
        ".credentials": {"scheme": "OAuth", "data": data},
        ".credentials_rsaparams": key,
    }
    return _base64({name: _base64(content) for name, content in files.items()})


def _base64(data: object) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()
