"""Somebody with a browser, as far as setting an App up needs one: opens pages, sends forms, is sent elsewhere."""

import http.client
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

import attrs

PATIENCE = 20.0
_JAR: dict[str, dict[str, str]] = {}
"""The browser's cookies, by host and port."""


@attrs.frozen
class Shown:
    """A page as it came."""

    url: str
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def words(self) -> str:
        """What can be read on it."""
        return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", self.text, flags=re.DOTALL).split())


class _Form(HTMLParser):
    """The page's one form."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what is sent."""
        found = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.action = found["action"]
        elif tag == "input":
            self.fields[found["name"]] = found["value"]


def fetch(
    url: str, form: Mapping[str, str] | None = None, *, method: str = "", host: str = "", other: bool = False
) -> Shown:
    """One request, not followed anywhere. ``other``: by another browser, which has no cookie yet and keeps none."""
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.netloc, timeout=PATIENCE)
    headers = {"Host": host} if host else {}
    jar = {} if other else _JAR.setdefault(target.netloc, {})
    if jar:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
    body = None
    if form is not None:
        body, headers["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
    path = f"{target.path}?{target.query}" if target.query else target.path
    connection.request(method or ("GET" if form is None else "POST"), path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    jar.update({name: found.value for name, found in SimpleCookie(answer.getheader("Set-Cookie", "")).items()})
    return Shown(url, answer.status, {name.lower(): value for name, value in answer.getheaders()}, text)


def send(page: Shown, **changed: str) -> Shown:
    """Press the button of the page's form."""
    form = _Form()
    form.feed(page.text)
    return fetch(urljoin(page.url, form.action), {**form.fields, **changed})


def consent(page: Shown) -> str:
    """From our page over GitHub's to where GitHub sends the browser, which is not opened yet."""
    asked = send(page)
    assert "Create GitHub App for" in asked.words, asked.words
    agreed = send(asked)
    assert agreed.status == 302, agreed.words
    return agreed.headers["location"]


def follow(url: str) -> Shown:
    """Where GitHub sends the browser, and on to the page that it leads back to."""
    answer = fetch(url)
    return fetch(urljoin(url, answer.headers["location"])) if answer.status == 303 else answer


def install(link: str) -> None:
    """Install the App."""
    assert send(fetch(link)).status == 200
