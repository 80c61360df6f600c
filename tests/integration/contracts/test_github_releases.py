"""What the port `Releases` promises, held against each adapter."""

from collections.abc import Iterator

import pytest

from paddock.core.errors import NotFound, Rejected
from paddock.core.ports.github import Scope
from paddock.core.spec import Arch
from tests.integration.contracts.github_adapters import (
    ADAPTERS,
    DIGEST,
    ORGANISATION,
    SCOPE,
    GitHubUnderTest,
    publish,
)

WRONG = "6" * 64


@pytest.fixture(name="github", params=ADAPTERS)
def _github(request: pytest.FixtureRequest) -> Iterator[GitHubUnderTest]:
    with ADAPTERS[request.param]() as opened:
        yield opened


@pytest.mark.parametrize("scope", [SCOPE, ORGANISATION])
def test_finds_the_package_and_who_vouches_for_it(github: GitHubUnderTest, scope: Scope) -> None:
    """Version, name, URL and digest are GitHub's; every place that published the digest is named."""
    package = github.releases.package(scope, Arch.X64)
    assert (package.version, package.sha256) == ("2.336.0", DIGEST)
    assert package.filename == "actions-runner-linux-x64-2.336.0.tar.gz"
    assert package.url.endswith(f"/{package.filename}")
    assert list(package.digests.values()) == [DIGEST] * 3


@pytest.mark.parametrize("missing", ["downloads", "asset", "notes"])
def test_two_sources_are_enough(github: GitHubUnderTest, missing: str) -> None:
    """Any two that agree will do."""
    publish(github.model, **{missing: None})
    package = github.releases.package(SCOPE, Arch.X64)
    assert (package.sha256, list(package.digests.values())) == (DIGEST, [DIGEST] * 2)


@pytest.mark.parametrize("lone", ["downloads", "asset", "notes", None])
def test_one_source_is_not_enough(github: GitHubUnderTest, lone: str | None) -> None:
    """A digest that one place or none publishes is refused."""
    silent: dict[str, str | None] = {place: None for place in ("downloads", "asset", "notes") if place != lone}
    publish(github.model, **silent)
    with pytest.raises(Rejected):
        github.releases.package(SCOPE, Arch.X64)


@pytest.mark.parametrize("liar", ["downloads", "asset", "notes"])
def test_sources_that_disagree_are_refused(github: GitHubUnderTest, liar: str) -> None:
    """One dissenting source is enough to refuse the package, even against two."""
    publish(github.model, **{liar: WRONG})
    with pytest.raises(Rejected, match="disagree"):
        github.releases.package(SCOPE, Arch.X64)


def test_no_package_is_not_found(github: GitHubUnderTest) -> None:
    """An architecture for which GitHub offers nothing is `NotFound`, as is an unknown scope."""
    with pytest.raises(NotFound):
        github.releases.package(SCOPE, Arch.ARM64)
    with pytest.raises(NotFound):
        github.releases.package(Scope("acme", "nowhere"), Arch.X64)
