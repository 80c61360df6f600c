"""An assignment as the body of its machine's item: packed, for an item is paid for by the kilobyte.

The shape is told in ``paddock.agent.aws.body``, which reads it. Four fifths of an assignment are its just-in-time
configuration, the base64 of a JSON object whose values are base64, too; deflating can undo the alphabet of one base64,
but not what a second one over it does to it. So it is taken apart first, where that can be undone. Most of it is then
a key of RSA, of which the two primes tell the rest; and most of what is left is in all orders alike.
"""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from typing import Final

import attrs

from paddock.adapters.aws.dynamodb.jit_key import key_in
from paddock.core.codec import message_to_data
from paddock.core.messages import Assignment

SHAPE: Final = 2
_LEVEL: Final = 9
# A JSON text's value that may be base64; short ones are not worth a part of their own.
_BASE64: Final = re.compile(rb'(?<=")((?:[A-Za-z0-9+/]{4}){10,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)(?=")')

DICTIONARY: Final = (
    b'"},"jit_config":"","registration":null,"max_runtime":21600000000,"idle_timeout":300000000,"created_at":17,'
    b'"setup_info":"Machine: i-0 vCPU, x64, arm64, GiB disk)\\nZone: us-east-1a\\nType: c7g.xlarge (\\nMarket: on-deman'
    b"d\\nMarket: spot\\nPrice: $0.0 an hour\\nWhy: the job asks for to "
    b'{"kind":"assignment","version":1,"machine":"i-0","job_id":,"launch":1,"repository":"","labels":["paddock/cpu=4/arch'
    b'=arm64"],"runner_name":"paddock--i-0--000","runner_id":,"package":{"version":"2.3","url":"https://amazonaws.com'
    b'/actions-runner-linux-arm64-2.tar.gz","sha256":"","filename":"actions-runner-linux-x64-2.3","digests":{"downloads":"'
    b'","asset":""}},"jit_key":[5,128,65537,0],"jit_parts":[13,436,20,210,30,'
    b'{".runner": "{"AgentId": "", "AgentName": "", "PoolId": "1", "PoolName": "Default", "DisableUpdate": "True", '
    b'"Ephemeral": "True", "ServerUrl": "https://pipelines.actions.githubusercontent.com/", "ServerUrlV2": "https://broker'
    b'.actions.githubusercontent.com/", "GitHubUrl": "https://github.com/", "WorkFolder": "_work", "UseV2Flow": "True",'
    b' "UseRunnerAdminFlow": "False", "IsHostedServer": "True", "SkipSessionRecover": "False"}'
    b'", ".credentials": "{"scheme": "OAuth", "data": {"clientId": "", "authorizationUrl": "https://tokens.actions.'
    b'githubusercontent.com/_apis/oauth2/token/", "requireFipsCryptography": "True"}}", ".credentials_rsaparams": "'
    b'{"d": "\x80", "dp": "\x81", "dq": "\x82", "exponent": "AQAB", "inverseQ": "\x83", "modulus": "\x84", '
    b'"p": "\x85", "q": "\x86"}"}'
)
"""What most orders have in common: the agent has the same to the letter. A change of it is another shape."""


def packed(assignment: Assignment) -> bytes:
    """The body. The agent gets out of it what `message_to_data` makes of the assignment, to the letter."""
    parts = list(_parts(assignment.jit_config))
    data = message_to_data(assignment)
    if parts:
        data["jit_config"] = ""
        for number, key in enumerate(map(key_in, parts)):
            if key is not None and number % 2:
                parts[number] = key.part
                data["jit_key"] = [number, *attrs.astuple(key)[1:]]
                break
        data["jit_parts"] = [len(part) for part in parts]
    text = json.dumps(data, separators=(",", ":"))  # ASCII on one line
    deflater = zlib.compressobj(_LEVEL, zdict=DICTIONARY)
    return bytes([SHAPE]) + deflater.compress(b"\n".join((text.encode(), b"".join(parts)))) + deflater.flush()


def _parts(jit_config: str) -> Sequence[bytes]:
    """What the configuration is made of; nothing if that does not make it again to the letter."""
    try:
        whole = base64.b64decode(jit_config, validate=True)
    except ValueError:
        return ()
    pieces = [base64.b64decode(piece) if number % 2 else piece for number, piece in enumerate(_BASE64.split(whole))]
    return next((parts for parts in (pieces, [whole]) if whole and _joined(parts) == jit_config), ())


def _joined(parts: Sequence[bytes]) -> str:
    inner = (base64.b64encode(part) if number % 2 else part for number, part in enumerate(parts))
    return base64.b64encode(b"".join(inner)).decode()
