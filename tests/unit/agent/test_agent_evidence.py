"""Which digest may be believed: two places vouch for it and none contradicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.agent.assignment import Package
from paddock.agent.package.baked import parse_manifest
from paddock.agent.package.evidence import IMAGE, Manifest, confirm
from paddock.agent.reasons import AgentFailure, Reason

ONE, TWO = "1" * 64, "2" * 64
IN_IMAGE = Manifest(version="2.336.0", platform="linux-x64", sha256=ONE)


def package(**digests: str) -> Package:
    """A package whose digest is said to be `ONE`."""
    return Package("2.336.0", "https://example.test/r.tar.gz", ONE, "r.tar.gz", digests)


def refused(wanted: Package, image: Manifest | None = None) -> tuple[Reason, str]:
    """Why its digest is not believed."""
    with pytest.raises(AgentFailure) as caught:
        confirm(wanted, image, platform="linux-x64")
    return caught.value.reason, caught.value.detail


def test_two_places_are_enough() -> None:
    """The image may be one of them, if it speaks of this version for this processor."""
    confirm(package(downloads=ONE, notes=ONE))
    confirm(package(downloads=ONE), IN_IMAGE, platform="linux-x64")


def test_one_place_is_not() -> None:
    """The assignment's own digest is no place, and an image of something else says nothing."""
    assert refused(package())[0] is Reason.DIGEST_UNCONFIRMED
    assert refused(package(downloads=ONE)) == (
        Reason.DIGEST_UNCONFIRMED,
        f"r.tar.gz: 2 places must vouch for its digest, found downloads {ONE}",
    )
    older = Manifest(version="2.335.0", platform="linux-x64", sha256=ONE)
    arm = Manifest(version="2.336.0", platform="linux-arm64", sha256=ONE)
    for image in (older, arm):
        assert refused(package(downloads=ONE), image)[0] is Reason.DIGEST_UNCONFIRMED


def test_who_contradicts_is_named() -> None:
    """However many agree: somebody has other bytes under this name."""
    reason, detail = refused(package(downloads=ONE, notes=ONE, release=TWO))
    assert reason is Reason.DIGEST_DISAGREEMENT
    assert f"release {TWO}" in detail
    forged = Manifest(version="2.336.0", platform="linux-x64", sha256=TWO)
    reason, detail = refused(package(downloads=ONE, notes=ONE), forged)
    assert (reason, f"{IMAGE} {TWO}" in detail) == (Reason.DIGEST_DISAGREEMENT, True)


@given(digests=st.dictionaries(st.text(max_size=3), st.sampled_from([ONE, TWO]), max_size=4), baked=st.booleans())
def test_belief_needs_two_and_bears_no_other(digests: dict[str, str], *, baked: bool) -> None:
    """The rule itself, for any set of places."""
    said = [*digests.values(), *([ONE] if baked else [])]
    image = IN_IMAGE if baked else None
    if TWO in said:
        assert refused(package(**digests), image)[0] is Reason.DIGEST_DISAGREEMENT
    elif len(said) < 2:
        assert refused(package(**digests), image)[0] is Reason.DIGEST_UNCONFIRMED
    else:
        confirm(package(**digests), image, platform="linux-x64")


GOOD = {"version": "2.336.0", "platform": "linux-x64", "sha256": ONE.upper(), "verified_at": "2026-11-22T13:00:00Z"}


def test_a_manifest_is_read() -> None:
    """The digest in lower case; what is not known is left aside, and the time may be missing."""
    read = parse_manifest({**GOOD, "sha256": "A" * 64, "more": 1})
    assert read == Manifest(
        version="2.336.0", platform="linux-x64", sha256="a" * 64, verified_at="2026-11-22T13:00:00Z"
    )
    assert parse_manifest({name: value for name, value in GOOD.items() if name != "verified_at"}).verified_at == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", ""), ("version", 2), ("platform", "win-x64"), ("sha256", "1" * 63), ("sha256", None)],
)
def test_a_bad_manifest_names_its_field(field: str, value: object) -> None:
    """And what would be right."""
    with pytest.raises(ValueError, match=f"{field}: found .* wanted "):
        parse_manifest({**GOOD, field: value})


def test_a_manifest_is_an_object() -> None:
    """A list is none."""
    with pytest.raises(ValueError, match="found list, wanted an object"):
        parse_manifest([])
