"""The machines' user data as a template has it: the document of `adapters.bootstrap`, with the stack's names in it.

What a `Boot` checks by its shape cannot be one of CloudFormation's words, so the document is made with values that
stand for them, each of which is seen nowhere else in it.
"""

from typing import Any, Final

from paddock.adapters.aws.stack.shape import Image
from paddock.adapters.bootstrap import LARGEST, Boot, render_user_data
from paddock.core.units import HOUR

BAKED: Final = "/opt/paddock/runner"
_REGION: Final = "xx-region-1"
_BUCKET: Final = "the-cache-bucket"
_SHA256: Final = "0" * 64
_ROOM: Final = 500  # bytes by which names may become longer than the words that stand for them
_WORDS: Final = {
    _REGION: "${AWS::Region}",
    _BUCKET: "${CacheBucket}",
    _SHA256: "${AgentSha256}",
    "Sec=25200s": "Sec=${MachineLifetime}s",
    "--sudo yes --start": "--sudo ${JobsMaySudo} --start",
}


def agent_key(sha256: str) -> str:
    """Where the agent's file lies in the cache bucket."""
    return f"agent/{sha256}/paddock-agent.pyz"


def user_data(image: Image) -> dict[str, Any]:
    """The value of ``UserData``.

    Raises:
        InvalidInput: it is larger than EC2 takes.
        ValueError: the document is no longer what this expects.
    """
    settings = {
        "version": 1,
        "table": "${Table}",
        "reports_queue_url": "${ReportsQueue}",
        "region": "${AWS::Region}",
        "role_id": "${MachineRole.RoleId}",
        "log_group": "${MachineLogs}",
        "log_role": "${ShipperRole.Arn}",
        "cache_bucket": "${CacheBucket}",
        "archive_bucket": "${ArchiveBucket}",
        "image_os": "ubuntu24",
        **({"baked": BAKED} if image.baked else {}),
    }
    boot = Boot(
        region=_REGION,
        bucket=_BUCKET,
        key=agent_key(_SHA256),
        sha256=_SHA256,
        settings=settings,
        max_runtime=6 * HOUR,
    )
    text = render_user_data(boot)
    if "${" in render_user_data(Boot(**{**_fields(boot), "settings": {}})):
        raise ValueError("the document itself has what CloudFormation would fill in")
    for value, word in _WORDS.items():
        if value not in text:
            raise ValueError(f"the document has no {value!r}, for which CloudFormation is to fill in {word}")
        text = text.replace(value, word)
    if len(text) + _ROOM > LARGEST:
        raise ValueError(f"user data of {len(text)} bytes leaves no room for names: EC2 takes {LARGEST}")
    return {"Fn::Base64": {"Fn::Sub": text}}


def _fields(boot: Boot) -> dict[str, Any]:
    return {name: getattr(boot, name) for name in ("region", "bucket", "key", "sha256", "max_runtime")}
