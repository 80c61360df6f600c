"""The JIT configuration: base64 of a JSON object that maps three file names to their base64 contents.

It has the true shape and about the true size (4.2 KB encoded, over the 4,096 of an SSM parameter), but its "key" is
random text: it opens nothing but the session at the server that made it.
"""

import base64
import json

from paddock.adapters.memory.github.values import RunnerRecord
from paddock.core.ports.system import Ids

# Digits per field of an RSA key of 2,048 bits, in base64.
_RSA_FIELDS = {"dp": 172, "dq": 172, "inverseQ": 172, "modulus": 344, "p": 176, "q": 176}


def encode(runner: RunnerRecord, server_url: str, ids: Ids) -> str:
    """The configuration of this registration, for the service at `server_url`."""
    settings = {
        "AgentId": str(runner.id),
        "AgentName": runner.name,
        "PoolId": str(runner.group),
        "PoolName": "Default",
        "DisableUpdate": "true",
        "SkipSessionRecover": "False",
        "UseRunnerAdminFlow": "False",
        "IsHostedServer": "True",
        "Ephemeral": str(runner.ephemeral),
        "ServerUrl": f"{server_url}/{(ids.token() * 2)[:48]}/",
        "ServerUrlV2": f"{server_url}/",
        "GitHubUrl": "",
        "WorkFolder": "_work",
        "UseV2Flow": "True",
    }
    credentials = {
        "scheme": "OAuth",
        "data": {
            "clientId": ids.token(),
            "authorizationUrl": f"{server_url}/_runner/oauth2/token",
            "requireFipsCryptography": "True",
        },
    }
    rsa = {name: (ids.token() * 11)[:length] for name, length in _RSA_FIELDS.items()}
    rsa.update(d=(runner.token * 11)[:344], exponent="AQAB")
    files = {".runner": settings, ".credentials": credentials, ".credentials_rsaparams": rsa}
    return _base64(json.dumps({name: _base64(json.dumps(content)) for name, content in files.items()}))


def decode(encoded: str) -> dict[str, dict[str, object]]:
    """The three files' contents."""
    outer = json.loads(base64.b64decode(encoded))
    return {name: json.loads(base64.b64decode(content)) for name, content in outer.items()}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
