"""Fetching a package from web servers, good and hostile: what is right comes, whatever else ends within a bound."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from paddock.agent.assignment import Package
from paddock.agent.machine.clock import SteadyClock
from paddock.agent.package.bounds import Bounds
from paddock.agent.package.fetching import open_archive
from paddock.agent.package.places import DirectoryMirror, HttpMirror, Place, places, this_platform
from paddock.agent.reasons import AgentFailure, Reason
from paddock.agent.telling.log import Log
from tests.agent.hostile_server import ETAG, Reply, Resumable, announcing, dripping, endless, redirecting, send, silent
from tests.agent.machine import PackageServer, package_server

DATA = Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
PACKAGE = Package("2.336.0", "http://127.0.0.1:9/never", SHA256, "actions-runner.tar.gz", {"a": SHA256, "b": SHA256})
QUICK = Bounds(min_free=1, pause=0.0, deadline=20.0, window=0.3, min_speed=1_000, silence=5.0, max_bytes=1_000_000)


class Fetcher:
    """A cache and its log."""

    def __init__(self, root: Path) -> None:
        self.cache = root / "cache"
        self.log = Log(root / "log", SteadyClock())
        self.pauses: list[float] = []

    def fetch(self, *among: Place, bounds: Bounds = QUICK, package: Package = PACKAGE) -> bytes:
        """What comes from these places."""
        with open_archive(package, self.cache, among, bounds=bounds, log=self.log, sleep=self.pauses.append) as file:
            return file.read()

    def fails(self, *among: Place, bounds: Bounds = QUICK) -> tuple[Reason, str]:
        """Why nothing comes from these places."""
        with pytest.raises(AgentFailure) as caught:
            self.fetch(*among, bounds=bounds)
        return caught.value.reason, caught.value.detail

    def left(self) -> list[str]:
        """What kinds of files are in the cache."""
        return sorted(path.suffix for path in self.cache.iterdir())

    def events(self) -> list[str]:
        """What was logged."""
        return [json.loads(line)["event"] for line in self.log.path.read_text().splitlines()]

    def lay(self, part: bytes, note: object) -> None:
        """What an agent that was killed left in the cache."""
        self.cache.mkdir()
        (self.cache / f"{SHA256}.tar.part").write_bytes(part)
        (self.cache / f"{SHA256}.tar.etag").write_text(json.dumps(note))


@pytest.fixture
def fetcher(tmp_path: Path) -> Fetcher:
    """An empty cache."""
    return Fetcher(tmp_path)


@pytest.fixture
def server() -> Iterator[PackageServer]:
    """A server that gives the right bytes unless it is told otherwise."""
    with package_server(DATA) as running:
        yield running


@pytest.fixture
def other() -> Iterator[PackageServer]:
    """Another host: another port is another origin."""
    with package_server(DATA) as running:
        yield running


def at(server: PackageServer, name: str = "github", **headers: str) -> Place:
    """The server as a place."""
    return Place(name, server.url, headers)


def test_a_broken_download_is_continued(fetcher: Fetcher, server: PackageServer) -> None:
    """Only what is missing is asked for, under the condition that it is still the same file."""
    server.reply = serving = Resumable(DATA, 100_000, 50_000)
    assert fetcher.fetch(at(server)) == DATA
    assert serving.statuses == [200, 206, 206]
    assert [headers.get("Range") for _, headers in server.asked] == [None, "bytes=100000-", "bytes=150000-"]
    assert {headers.get("If-Range") for _, headers in server.asked[1:]} == {ETAG}
    assert fetcher.left() == [".gz", ".lock"]


def test_the_next_agent_continues_what_a_killed_one_left(fetcher: Fetcher, server: PackageServer) -> None:
    """The part and its ETag lie in the cache."""
    fetcher.lay(DATA[:200_000], {"place": "github", "etag": ETAG})
    server.reply = serving = Resumable(DATA)
    assert fetcher.fetch(at(server)) == DATA
    assert serving.statuses == [206]


def test_a_failing_network_leaves_its_part_to_the_next_agent(fetcher: Fetcher, server: PackageServer) -> None:
    """Three broken answers, a report; then only the rest is fetched."""
    server.reply = serving = Resumable(DATA, 10, 20, 30)
    assert fetcher.fails(at(server))[0] is Reason.DOWNLOAD_FAILED
    assert fetcher.fetch(at(server)) == DATA
    assert server.asked[-1][1]["Range"] == "bytes=60-"
    assert serving.statuses == [200, 206, 206, 206]


@pytest.mark.parametrize(
    ("part", "note"),
    [
        (DATA[:1000], {"place": "mirror", "etag": ETAG}),
        (DATA[:1000], {"place": "github", "etag": 'W/"one"'}),
        (DATA[:1000], {"place": "github", "etag": '"a"\r\nX: y"'}),
        (DATA[:1000], ["no", "object"]),
        (b"", {"place": "github", "etag": ETAG}),
    ],
    ids=["another place's", "a weak ETag", "a header in it", "no object", "empty"],
)
def test_what_cannot_be_continued_is_fetched_anew(
    fetcher: Fetcher, server: PackageServer, part: bytes, note: object
) -> None:
    """Without a strong ETag of this very place nothing says that the beginning fits."""
    fetcher.lay(part, note)
    server.reply = Resumable(DATA)
    assert fetcher.fetch(at(server)) == DATA
    assert "Range" not in server.asked[0][1]


def test_a_server_that_ignores_the_range_starts_again(fetcher: Fetcher, server: PackageServer) -> None:
    """A 200 is the whole file: what was there is not put before it."""
    server.reply = serving = Resumable(DATA, 100_000, ranges=False)
    assert fetcher.fetch(at(server)) == DATA
    assert serving.statuses == [200, 200]


def test_a_file_that_changed_meanwhile_starts_again(fetcher: Fetcher, server: PackageServer) -> None:
    """Another ETag is another file."""
    fetcher.lay(b"x" * 1000, {"place": "github", "etag": '"old"'})
    server.reply = serving = Resumable(DATA)
    assert fetcher.fetch(at(server)) == DATA
    assert serving.statuses == [200]


def test_a_forged_beginning_is_found_out(fetcher: Fetcher, server: PackageServer) -> None:
    """Whoever could write to the cache gains nothing: the whole is hashed, and fetched once more as a whole."""
    fetcher.lay(b"forged" * 100, {"place": "github", "etag": ETAG})
    server.reply = serving = Resumable(DATA)
    assert fetcher.fetch(at(server)) == DATA
    assert serving.statuses == [206, 200]


def test_a_part_that_is_whole_is_used(fetcher: Fetcher, server: PackageServer) -> None:
    """The agent before died between the last byte and the new name."""
    fetcher.lay(DATA, {"place": "github", "etag": ETAG})
    assert fetcher.fetch(at(server)) == DATA
    assert server.requests == 0


@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "link note"])
def test_what_lies_in_the_way_is_no_way_out(fetcher: Fetcher, server: PackageServer, tmp_path: Path, kind: str) -> None:
    """A link or a pipe in the cache is removed, not written through or waited for."""
    fetcher.cache.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    name = "etag" if kind == "link note" else "part"
    at_path = fetcher.cache / f"{SHA256}.tar.{name}"
    if kind == "pipe":
        os.mkfifo(at_path)
    elif kind == "hard link":
        at_path.hardlink_to(victim)
    else:
        at_path.symlink_to(victim)
    server.reply = Resumable(DATA)
    assert fetcher.fetch(at(server)) == DATA
    assert victim.read_text() == "precious"


def wrong_range(handler: object) -> None:
    """A 206 that begins elsewhere, or that nobody asked for."""
    send(handler, 206, DATA[5:], Content_Range=f"bytes 5-{len(DATA) - 1}/{len(DATA)}", ETag=ETAG)  # type: ignore[arg-type]  # a handler


def test_a_part_that_was_not_asked_for_is_not_used(fetcher: Fetcher, server: PackageServer) -> None:
    """It is dropped and the whole is asked for; three times is enough."""
    server.reply = wrong_range
    reason, detail = fetcher.fails(at(server))
    assert (reason, server.requests) == (Reason.DOWNLOAD_FAILED, 3)
    assert "another part" in detail


def test_a_range_beyond_the_end_starts_again(fetcher: Fetcher, server: PackageServer) -> None:
    """The server has fewer bytes than we: ours are not its."""
    fetcher.lay(b"x" * 1000, {"place": "github", "etag": ETAG})
    server.answers = [416]
    assert fetcher.fetch(at(server)) == DATA
    assert [headers.get("Range") for _, headers in server.asked] == ["bytes=1000-", None]


@pytest.mark.parametrize("where", ["headers", "size", "body"])
def test_a_drip_is_ended(fetcher: Fetcher, server: PackageServer, where: str) -> None:
    """Bytes that come now and then keep no machine waiting, wherever they come."""
    server.reply = dripping(where)
    reason, detail = fetcher.fails(at(server))
    assert (reason, server.requests) == (Reason.DOWNLOAD_FAILED, 3)
    assert "too slow" in detail


def test_silence_is_ended(fetcher: Fetcher, server: PackageServer) -> None:
    """A server that takes the request and says nothing is too slow as well."""
    server.reply = silent
    assert fetcher.fails(at(server))[0] is Reason.DOWNLOAD_FAILED


def test_all_of_it_together_has_a_deadline(fetcher: Fetcher, server: PackageServer, other: PackageServer) -> None:
    """Tries and places share one span; what comes after it is not asked any more."""
    server.reply = dripping("body")
    bounds = Bounds(min_free=1, pause=0.0, deadline=0.4, window=60.0, silence=5.0)
    reason, detail = fetcher.fails(at(server, "mirror"), at(other), bounds=bounds)
    assert (reason, server.requests, other.requests) == (Reason.DOWNLOAD_FAILED, 1, 0)
    assert "gave up" in detail


@pytest.mark.parametrize(
    ("reply", "said"),
    [(endless, "more than 1000000 bytes came"), (announcing(1_000_001, b"x"), "are announced")],
    ids=["endless", "announced"],
)
def test_what_is_too_large_is_ended(fetcher: Fetcher, server: PackageServer, reply: Reply, said: str) -> None:
    """At the bound, without another try, and nothing of it is kept."""
    server.reply = reply
    reason, detail = fetcher.fails(at(server))
    assert (reason, server.requests) == (Reason.DOWNLOAD_FAILED, 1)
    assert said in detail
    assert fetcher.left() == [".lock"]


def test_a_length_that_lies_is_found_out(fetcher: Fetcher, server: PackageServer) -> None:
    """More announced: truncated. Less announced: what comes is cut there, and is not the package."""
    server.reply = announcing(len(DATA) + 1, DATA)
    assert fetcher.fails(at(server))[0] is Reason.DOWNLOAD_FAILED
    server.reply = announcing(len(DATA) - 1, DATA)
    assert fetcher.fails(at(server))[0] is Reason.DIGEST_MISMATCH


def test_the_disk_is_full_before_the_first_byte(fetcher: Fetcher, server: PackageServer) -> None:
    """An announced length that will not fit is believed."""
    server.reply = announcing(1 << 60, b"x")
    reason, _ = fetcher.fails(at(server), bounds=Bounds(min_free=1, max_bytes=1 << 62))
    assert reason is Reason.LOW_DISK
    assert fetcher.left() == [".lock"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(fetcher: Fetcher, server: PackageServer, other: PackageServer, status: int) -> None:
    """As GitHub does it: the release's address leads to where the bytes are."""
    server.reply = redirecting(lambda _: other.url, status)
    assert fetcher.fetch(at(server)) == DATA


def test_five_redirects_and_no_more(fetcher: Fetcher, server: PackageServer, other: PackageServer) -> None:
    """The fifth may lead to the bytes; a circle ends at the sixth."""
    server.reply = redirecting(lambda count: other.url if count == 4 else f"/{count}")
    assert fetcher.fetch(at(server)) == DATA
    (fetcher.cache / f"{SHA256}.tar.gz").unlink()
    server.requests, server.reply = 0, redirecting(lambda _: server.url)
    reason, detail = fetcher.fails(at(server))
    assert (reason, server.requests) == (Reason.DOWNLOAD_FAILED, 6)
    assert "more than 5 redirects" in detail


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:,x",
        "",
        "http://u:p@127.0.0.1/",
        "http://[",
        "http://h:x/",
    ],
)
def test_a_redirect_elsewhere_is_refused(fetcher: Fetcher, server: PackageServer, location: str) -> None:
    """To files of this machine, other protocols, credentials or nothing: no second try."""
    server.reply = redirecting(lambda _: location)
    reason, detail = fetcher.fails(at(server))
    assert (reason, server.requests) == (Reason.DOWNLOAD_FAILED, 1)
    assert "redirected to" in detail


def test_a_mirrors_headers_stay_with_it(fetcher: Fetcher, server: PackageServer, other: PackageServer) -> None:
    """They may be a secret: neither the host it redirects to nor GitHub sees them, and coming back brings none."""
    server.reply = redirecting(lambda count: other.url if count == 0 else other.url + "?again")
    other.reply = redirecting(lambda count: server.url if count == 0 else "file:///x")
    secret = {"Authorization": "secret"}
    fetcher.fails(Place("mirror", server.url, secret), at(other), bounds=QUICK)
    assert [headers.get("Authorization") for _, headers in server.asked] == ["secret", None]
    assert {headers.get("Authorization") for _, headers in other.asked} == {None}
    assert "secret" not in repr(Place("mirror", server.url, secret))


def test_a_redirect_on_the_same_host_keeps_the_headers(fetcher: Fetcher, server: PackageServer) -> None:
    """It is the same mirror."""
    server.reply = lambda handler: (
        send(handler, 302, b"", Location="/there") if handler.path != "/there" else send(handler, 200, DATA)
    )
    assert fetcher.fetch(Place("mirror", server.url, {"Authorization": "secret"})) == DATA
    assert [headers.get("Authorization") for _, headers in server.asked] == ["secret", "secret"]


@pytest.mark.parametrize("trouble", ["gone", "down", "wrong bytes", "drip", "not there"])
def test_a_failing_mirror_leads_to_github(
    fetcher: Fetcher, server: PackageServer, other: PackageServer, trouble: str
) -> None:
    """Whatever the mirror does, the package comes; and the log says what was wrong."""
    if trouble == "not there":
        server.close()
    server.answers = {"gone": [404], "down": [500] * 3}.get(trouble, [])
    server.data = b"other bytes" if trouble == "wrong bytes" else DATA
    server.reply = dripping("body") if trouble == "drip" else None
    assert fetcher.fetch(at(server, "mirror"), at(other)) == DATA
    assert other.requests == 1
    assert "place_failed" in fetcher.events()


def test_a_good_mirror_is_enough(fetcher: Fetcher, server: PackageServer, other: PackageServer) -> None:
    """GitHub is not asked, and the mirror is asked where it keeps this package for this processor."""
    base = server.url.rpartition("/")[0]
    package = Package(PACKAGE.version, other.url, SHA256, PACKAGE.filename, PACKAGE.digests)
    assert fetcher.fetch(*places(package, HttpMirror(base + "/"))) == DATA
    assert (server.asked[0][0], other.requests) == (
        f"/runners/2.336.0/{this_platform()}/actions-runner.tar.gz",
        0,
    )


def test_pauses_grow(fetcher: Fetcher, server: PackageServer) -> None:
    """Three tries, and twice the pause before the third; none after the last."""
    server.answers = [500] * 3
    fetcher.fails(at(server), bounds=Bounds(min_free=1, pause=1.5))
    assert fetcher.pauses == [1.5, 3.0]


@pytest.mark.parametrize("address", ["file:///tmp", "mirror.example", ""])
def test_a_mirror_is_a_web_server(address: str) -> None:
    """Another address is refused when it is set up, not when a job waits."""
    with pytest.raises(ValueError, match="mirror: found"):
        HttpMirror(address)


def lay_mirror(root: Path, data: bytes) -> DirectoryMirror:
    """A mirror that is a directory, with these bytes for the package."""
    path = root / "runners" / PACKAGE.version / this_platform() / PACKAGE.filename
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return DirectoryMirror(root)


def test_a_mirror_may_be_a_directory(fetcher: Fetcher, server: PackageServer, tmp_path: Path) -> None:
    """What is right there is taken from there; nobody else is asked."""
    mirror = lay_mirror(tmp_path / "a mirror#1", DATA)
    assert fetcher.fetch(*places(replace(PACKAGE, url=server.url), mirror)) == DATA
    assert not server.requests
    assert fetcher.left() == [".gz", ".lock"]


@pytest.mark.parametrize(
    "data", [b"", DATA[:-1], DATA + b"x", b"x" * 2_000_000], ids=["empty", "short", "long", "huge"]
)
def test_a_directory_with_other_bytes_leads_to_github(
    fetcher: Fetcher, server: PackageServer, tmp_path: Path, data: bytes
) -> None:
    """They are refused; so is a link, and what is not there is not asked for."""
    mirror = lay_mirror(tmp_path / "mirror", data)
    assert fetcher.fetch(*places(replace(PACKAGE, url=server.url), mirror)) == DATA
    assert "place_failed" in fetcher.events()
    assert places(PACKAGE, DirectoryMirror(tmp_path))[0].name == "github"
