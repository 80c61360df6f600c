"""Where GitHub's interface is, what may be part of a path, and where the next page is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.adapters.github.api import next_page
from paddock.adapters.github.endpoints import Endpoints, endpoints_of, same_origin
from paddock.adapters.github.paths import account_path, repository_scope
from paddock.adapters.github.transport import Reply
from paddock.core.errors import InvalidInput, NotFound
from paddock.core.ports.github import Scope


@pytest.mark.parametrize(
    ("url", "web", "api"),
    [
        ("https://github.com", "https://github.com", "https://api.github.com"),
        ("https://www.GitHub.com/", "https://github.com", "https://api.github.com"),
        ("https://octocorp.ghe.com", "https://octocorp.ghe.com", "https://api.octocorp.ghe.com"),
        ("https://git.example.com:8443", "https://git.example.com:8443", "https://git.example.com:8443/api/v3"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v3"),
        ("http://localhost:1/", "http://localhost:1", "http://localhost:1/api/v3"),
        ("http://[::1]:8080", "http://[::1]:8080", "http://[::1]:8080/api/v3"),
    ],
)
def test_the_interface_follows_from_the_host(url: str, web: str, api: str) -> None:
    """github.com, data residency, Enterprise Server, and a stand-in on this machine."""
    assert endpoints_of(url) == Endpoints(web, api)


def test_the_interface_may_be_named() -> None:
    """A proxy before the interface is configured by its own URL."""
    assert endpoints_of("https://github.com", "http://127.0.0.1:9/gh/") == Endpoints(
        "https://github.com", "http://127.0.0.1:9/gh"
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://github.com", "must be https"),
        ("http://127.0.0.1.evil.example", "must be https"),
        ("http://localhost.evil.example", "must be https"),
        ("github.com", "must be a URL"),
        ("ftp://github.com", "must be a URL"),
        ("https://", "must be a URL"),
        ("https://host:99999", "must be a URL"),
        ("https://[::1", "must be a URL"),
        ("https://github.com/acme", "host alone"),
        ("https://github.com?x=1", "neither query nor fragment"),
        ("https://api.github.com", "what people open"),
    ],
)
def test_other_urls_are_refused_with_what_would_be_right(url: str, words: str) -> None:
    """Credentials go over https alone, and mistakes in the URL show at the start."""
    with pytest.raises(InvalidInput, match=words) as caught:
        endpoints_of(url)
    assert caught.value.field == "github.url"


def test_credentials_in_a_url_are_refused_and_not_repeated() -> None:
    """A token in the URL would end in logs; the error does not quote it."""
    with pytest.raises(InvalidInput, match="must not hold credentials") as caught:
        endpoints_of("https://x:ghp_secret@github.com")
    assert "ghp_secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://api.github.com/x", True),
        ("https://API.github.com:443/x", True),
        ("http://api.github.com/x", False),
        ("https://api.github.com:444/x", False),
        ("https://api.github.com.evil.example/", False),
        ("https://api.github.com@evil.example/", False),
        ("https://[", False),
    ],
)
def test_only_the_same_origin_gets_credentials(other: str, same: bool) -> None:  # noqa: FBT001 - a table's column
    """Scheme, host and port must all agree."""
    assert same_origin("https://api.github.com", other) is same


def test_names_become_paths() -> None:
    """Repositories and organisations have their own roots."""
    assert account_path(Scope("acme", "shop.js")) == "/repos/acme/shop.js"
    assert account_path(Scope("acme")) == "/orgs/acme"
    assert repository_scope("acme/shop") == Scope("acme", "shop")


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_name_leaves_its_place_in_the_path(owner: str, name: str) -> None:
    """A path has exactly the segments it should, none of which climbs; every other name is unknown to GitHub."""
    try:
        path = account_path(Scope(owner, name))
    except NotFound:
        return
    segments = path.split("/")[1:]
    assert segments == (["repos", owner, name] if name else ["orgs", owner])
    assert not {".", "..", ""} & set(segments)
    assert path.isascii()
    assert not set("?#%\\ \r\n") & set(path)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a?b", "a#b", "a b", "é", "a\n", "a" * 101])
def test_hostile_names_are_unknown(name: str) -> None:
    """What could change the meaning of a URL never gets into one."""
    with pytest.raises(NotFound):
        account_path(Scope("acme", name))
    with pytest.raises(NotFound):
        repository_scope("acme")


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("", ""),
        ('<https://h/x?page=2>; rel="next"', "https://h/x?page=2"),
        (
            '<https://h/x?page=1>; rel="prev", <https://h/x?page=3>; rel="next", <https://h/l>; rel="last"',
            "https://h/x?page=3",
        ),
        ('<https://h/x?c=a,b>; rel="next"', "https://h/x?c=a,b"),
        ('<https://h/x?page=1>; rel="first", <https://h/x?page=1>; rel="prev"', ""),
        ("rel=next", ""),
    ],
)
def test_the_next_page_is_in_the_link_header(link: str, url: str) -> None:
    """RFC 8288, as GitHub writes it."""
    assert next_page(Reply(200, {"link": link})) == url
