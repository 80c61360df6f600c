"""Which runner package is to be trusted: two sources must publish the same digest, and none another."""

from typing import Any

import pytest

from paddock.core.errors import InvalidInput, NotFound, Rejected, Unavailable
from paddock.core.messages import RunnerPackage
from paddock.core.ports.github import Scope
from paddock.core.spec import Arch
from paddock.core.units import HOUR, MINUTE
from tests.github_client import World, world
from tests.github_schema import example
from tests.http_stub import Answer

SHOP = Scope("acme", "shop")
ONE, OTHER = "1a" * 32, "2b" * 32
DOWNLOADS = "GET /repos/acme/shop/actions/runners/downloads"
RELEASE = "GET /repos/actions/runner/releases/tags/v2.336.0"
FILE = "actions-runner-linux-x64-2.336.0.tar.gz"
URL = f"https://github.com/actions/runner/releases/download/v2.336.0/{FILE}"


def download(name: str = FILE, url: str = URL, **fields: object) -> dict[str, Any]:
    return example(
        "RunnerApplication", **{"os": "linux", "architecture": "x64", "filename": name, "download_url": url, **fields}
    )


def downloads(checksum: str | None) -> Answer:
    windows = download("actions-runner-win-x64-2.336.0.zip", os="win", sha256_checksum=OTHER)
    arm = download("actions-runner-linux-arm64-2.336.0.tar.gz", architecture="arm64", sha256_checksum=OTHER)
    linux = download() if checksum is None else download(sha256_checksum=checksum)
    return Answer(200, [windows, arm, linux])


def release(digest: str | None, noted: str | None) -> Answer:
    asset = example("ReleaseAsset", digest=None if digest is None else f"sha256:{digest}")
    mark = f"<!-- BEGIN SHA linux-x64 -->{noted}<!-- END SHA linux-x64 -->" if noted else ""
    body = f"<!-- BEGIN SHA linux-arm64 -->{OTHER}<!-- END SHA linux-arm64 -->\n- {FILE} {mark}"
    return Answer(200, example("Release", assets=[{**asset, "name": FILE}], body=body))


def script(at: World, listed: str | None, digest: str | None, noted: str | None) -> None:
    at.on(DOWNLOADS, downloads(listed))
    at.on(RELEASE, release(digest, noted))


def test_the_package_names_its_sources() -> None:
    """Version, URL, digest and file name, with the places that agreed on the digest."""
    with world(pins={FILE: f"sha256:{ONE.upper()}"}) as at:
        script(at, ONE, ONE, ONE.upper())
        assert at.github.releases.package(SHOP, Arch.X64) == RunnerPackage(
            version="2.336.0",
            url=URL,
            sha256=ONE,
            filename=FILE,
            digests=dict.fromkeys(("downloads", "pinned digest", "release digest", "release notes"), ONE),
        )


@pytest.mark.parametrize(
    ("listed", "digest", "noted", "pinned", "sources"),
    [
        (ONE, ONE, None, None, ("downloads", "release digest")),
        (ONE, None, ONE, None, ("downloads", "release notes")),
        (None, ONE, ONE, None, ("release digest", "release notes")),
        (ONE, None, None, ONE, ("downloads", "pinned digest")),
        (None, None, ONE, ONE, ("pinned digest", "release notes")),
    ],
)
def test_any_two_sources_are_enough(
    listed: str | None, digest: str | None, noted: str | None, pinned: str | None, sources: tuple[str, ...]
) -> None:
    """Whichever two publish a digest, if they agree."""
    with world(pins={FILE: pinned} if pinned else {}) as at:
        script(at, listed, digest, noted)
        assert at.github.releases.package(SHOP, Arch.X64).digests == dict.fromkeys(sources, ONE)


@pytest.mark.parametrize(
    ("listed", "digest", "noted", "pinned", "words"),
    [
        (ONE, OTHER, None, None, f"disagree.*downloads {ONE}, release digest {OTHER}"),
        (ONE, ONE, OTHER, None, f"disagree.*release notes {OTHER}"),
        (ONE, ONE, ONE, OTHER, f"disagree.*pinned digest {OTHER}"),
        (ONE, None, None, None, rf"fewer than two.*\(downloads {ONE}\): pin it"),
        (None, None, None, None, r"fewer than two.*\(none\)"),
        ("abc", ONE, ONE, None, "digest of downloads is no SHA-256: 'abc'"),
    ],
)
def test_disagreement_and_silence_are_rejected(
    listed: str | None, digest: str | None, noted: str | None, pinned: str | None, words: str
) -> None:
    """Two against one is still a disagreement; the error names every source and what it says."""
    with world(pins={FILE: pinned} if pinned else {}) as at:
        script(at, listed, digest, noted)
        with pytest.raises(Rejected, match=words):
            at.github.releases.package(SHOP, Arch.X64)


def test_the_answer_is_kept_for_an_hour() -> None:
    """A thousand jobs ask GitHub once; each scope and architecture has its own answer."""
    with world() as at:
        script(at, ONE, ONE, ONE)
        for _ in range(3):
            at.github.releases.package(SHOP, Arch.X64)
        assert at.lines == [DOWNLOADS, RELEASE]
        at.clock.advance(HOUR)
        at.github.releases.package(SHOP, Arch.X64)
        assert len(at.to(DOWNLOADS)) == 2


def test_an_old_answer_serves_while_github_is_down() -> None:
    """For a day; a refusal is not papered over."""
    with world() as at:
        script(at, ONE, ONE, ONE)
        package = at.github.releases.package(SHOP, Arch.X64)
        at.on(DOWNLOADS, Answer(503))
        at.clock.advance(2 * HOUR)
        assert at.github.releases.package(SHOP, Arch.X64) == package
        at.on(DOWNLOADS, Answer(404, {"message": "Not Found"}))
        with pytest.raises(NotFound):
            at.github.releases.package(SHOP, Arch.X64)
        at.on(DOWNLOADS, Answer(503))
        at.clock.advance(23 * HOUR)
        with pytest.raises(Unavailable):
            at.github.releases.package(SHOP, Arch.X64)


def test_a_release_that_cannot_be_read_is_one_source_less() -> None:
    """With a pin two remain; without, a passing fault stays passing and a lasting one is Rejected."""
    for answer, error in ((Answer(503), Unavailable), (Answer(404, {"message": "Not Found"}), Rejected)):
        with world() as at:
            at.on(DOWNLOADS, downloads(ONE))
            at.on(RELEASE, answer)
            with pytest.raises(error):
                at.github.releases.package(SHOP, Arch.X64)
        with world(pins={FILE: ONE}) as at:
            at.on(DOWNLOADS, downloads(ONE))
            at.on(RELEASE, answer)
            assert at.github.releases.package(SHOP, Arch.X64).digests == dict.fromkeys(
                ("downloads", "pinned digest"), ONE
            )
        with world(pins={FILE: OTHER}) as at:
            at.on(DOWNLOADS, downloads(ONE))
            at.on(RELEASE, answer)
            with pytest.raises(Rejected, match="disagree"):
                at.github.releases.package(SHOP, Arch.X64)


@pytest.mark.parametrize(
    ("name", "url", "error", "words"),
    [
        (FILE, URL.replace("https", "http"), Rejected, "not https"),
        ("actions-runner-linux-x64-2.336.0-evil.tar.gz", URL, Rejected, "unknown name"),
        ("actions-runner-linux-x64-../../x.tar.gz", URL, Rejected, "unknown name"),
    ],
)
def test_a_package_that_looks_wrong_is_rejected(name: str, url: str, error: type[Exception], words: str) -> None:
    """Only https, and only a name whose version can be read."""
    with world() as at:
        at.on(DOWNLOADS, Answer(200, [download(name, url, sha256_checksum=ONE)]))
        with pytest.raises(error, match=words):
            at.github.releases.package(SHOP, Arch.X64)


def test_no_package_for_the_architecture_is_not_found() -> None:
    """GitHub offers this scope none."""
    with world() as at:
        at.on(DOWNLOADS, Answer(200, [download(sha256_checksum=ONE)]))
        with pytest.raises(NotFound, match="no runner package for linux arm64"):
            at.github.releases.package(SHOP, Arch.ARM64)


def test_a_pin_that_is_no_digest_shows_at_the_start() -> None:
    """A typing mistake in the configuration is found before the first job."""
    with pytest.raises(InvalidInput, match="64 hexadecimal digits"), world(pins={FILE: "1a2b"}):
        pass


def test_a_scope_may_be_an_organisation() -> None:
    """Its own list is read; minutes later nothing is asked again."""
    with world() as at:
        at.on("GET /orgs/acme/actions/runners/downloads", downloads(ONE))
        at.on(RELEASE, release(ONE, None))
        at.github.releases.package(Scope("acme"), Arch.X64)
        at.clock.advance(MINUTE)
        at.github.releases.package(Scope("acme"), Arch.X64)
        assert at.lines == ["GET /orgs/acme/actions/runners/downloads", RELEASE]
