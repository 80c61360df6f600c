"""A just-in-time configuration as large, and as hard to make smaller, as GitHub's.

The sizes: 426 bytes of settings and 225 of credentials stood in a runner's log that somebody published; the key is one
of RSA with 2,048 bits, as .NET writes it. It is the same for all, and guards nothing.
"""

import base64
import json
from collections.abc import Mapping
from functools import cache
from itertools import count
from math import lcm
from random import Random
from typing import Any

HALF = 128  # bytes of a prime
EXPONENT = 65_537
ODD = 3


@cache
def prime(seed: int, size: int = HALF) -> int:
    """A number of so many bytes that is all but surely prime: Fermat's test, for it guards nothing."""
    start = int.from_bytes(Random(seed).randbytes(size), "big") | 3 << size * 8 - 2 | 1
    small = [one for one in range(ODD, 2_000, 2) if all(one % by for by in range(ODD, int(one**0.5) + 1, 2))]
    for found in count(start, 2):
        if all(found % by for by in small) and found % EXPONENT != 1 and pow(2, found - 1, found) == 1:
            return found
    raise AssertionError("there are more primes")


def rsa(p: int, q: int, size: int = HALF, *, product: bool = False) -> Mapping[str, bytes]:
    """The numbers of a key by .NET's names; `product`: ``d`` belongs to that of p-1 and q-1, as some make it."""
    d = pow(EXPONENT, -1, (p - 1) * (q - 1) if product else lcm(p - 1, q - 1))
    return {
        "d": d.to_bytes(2 * size, "big"),
        "dp": (d % (p - 1)).to_bytes(size, "big"),
        "dq": (d % (q - 1)).to_bytes(size, "big"),
        "exponent": EXPONENT.to_bytes(3, "big"),
        "inverseQ": pow(q, -1, p).to_bytes(size, "big"),
        "modulus": (p * q).to_bytes(2 * size, "big"),
        "p": p.to_bytes(size, "big"),
        "q": q.to_bytes(size, "big"),
    }


def key_file(numbers: Mapping[str, bytes]) -> Mapping[str, str]:
    """What ``.credentials_rsaparams`` holds."""
    return {name: base64.b64encode(number).decode() for name, number in numbers.items()}


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
    key = key_file(rsa(prime(1), prime(2)))
    files: dict[str, Any] = {
        ".runner": settings,
        ".credentials": {"scheme": "OAuth", "data": data},
        ".credentials_rsaparams": key,
    }
    return _base64({name: _base64(content) for name, content in files.items()})


def _base64(data: object) -> str:
    return base64.b64encode(json.dumps(data).encode()).decode()
