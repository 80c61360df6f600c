"""The role by which a machine ships its log: its session bears the machine's id, and reaches its streams alone.

Whoever is root on a machine can ask STS for such a session as well as the agent can. So the role gives one to nobody
but the machine that the tag names: its trust policy holds the tag against the caller's ``aws:userid``.
"""

import re
from urllib.parse import urlencode

from paddock.agent.aws.errors import AwsError, Kind
from paddock.agent.aws.imds import moment
from paddock.agent.aws.service import Service
from paddock.agent.aws.sigv4 import Credentials

TAG = "machine"
"""The tag of the session. The role asks for it by this name, and takes no other beside it."""

LIFE = 3_600
"""Seconds: the longest that AWS gives to a session that another role's session asks for ("role chaining")."""

_OPERATION = "AssumeRole"
_PLAIN = r"[!-;=-~]+"  # what may stand in a header, and has not to be undone in XML
_FIELDS = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")


def assumed(sts: Service, role: str, machine: str) -> Credentials:
    """Keys of the role in the machine's name, good for an hour.

    Args:
        sts: the service, asked with the machine's own keys.
        role: the role's ARN.
        machine: this instance's id: for another one STS refuses.

    Raises:
        AwsError: STS could not be asked, or refuses. The text has no keys in it.
    """
    form = {
        "Action": _OPERATION,
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": machine,
        "DurationSeconds": str(LIFE),
        "Tags.member.1.Key": TAG,
        "Tags.member.1.Value": machine,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    reply = sts.send("POST", "/", headers, urlencode(form).encode(), operation=_OPERATION)
    text = reply.body.decode("utf-8", "replace")
    found = [re.search(f"<{name}>({_PLAIN})</{name}>", text) for name in _FIELDS]
    key, secret, token, ends = (one[1] if one is not None else "" for one in found)
    expires = moment(ends)
    if not (key and secret and token and expires):
        raise AwsError(Kind.SERVER, sts.name, _OPERATION, "Incomplete")
    return Credentials(key, secret, token, expires)
