"""Whether a digest may be believed: two places vouch for it, and none contradicts them.

One place can be wrong alone: a cached page, a release in the making, a typing error. Two that agree, and then the bytes
themselves, are what a machine goes by. The assignment's own ``sha256`` is no place: it was copied from them.
"""

from dataclasses import dataclass

from paddock.agent.assignment import Package
from paddock.agent.reasons import AgentFailure, Reason

ENOUGH = 2
IMAGE = "machine image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the machine's image says of the runner that was unpacked into it.

    ``sha256`` is the digest of the archive it came from, lower-case hexadecimal, as it was verified at ``verified_at``
    (RFC 3339). ``platform`` is ``linux-x64`` or ``linux-arm64``.
    """

    version: str
    platform: str
    sha256: str
    verified_at: str = ""


def confirm(package: Package, image: Manifest | None = None, *, platform: str = "") -> None:
    """Return if the package's digest may be believed.

    Args:
        package: what is wanted, with what each place said of it.
        image: the manifest of the machine's image; it speaks of this package only if version and platform are the same.
        platform: this machine's.

    Raises:
        AgentFailure: `digest_disagreement` or `digest_unconfirmed`, naming the places and their digests.
    """
    said = dict(package.digests)
    if image is not None and (image.version, image.platform) == (package.version, platform):
        said[IMAGE] = image.sha256
    named = ", ".join(f"{place} {digest}" for place, digest in sorted(said.items())) or "none"
    if any(digest != package.sha256 for digest in said.values()):
        detail = f"{package.filename}: wanted {package.sha256}, and not every place says so: {named}"
        raise AgentFailure(Reason.DIGEST_DISAGREEMENT, detail)
    if len(said) < ENOUGH:
        detail = f"{package.filename}: {ENOUGH} places must vouch for its digest, found {named}"
        raise AgentFailure(Reason.DIGEST_UNCONFIRMED, detail)
