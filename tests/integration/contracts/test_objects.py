"""What every store of objects promises, held against each adapter."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from paddock.adapters.memory.system import ManualClock
from paddock.core.errors import InvalidInput, NotFound, Rejected
from paddock.core.paging import pages
from paddock.core.ports.objects import Listed, Objects, Stored
from paddock.core.units import HOUR
from tests.integration.contracts.objects_adapters import ADAPTERS, PAGE_SIZE
from tests.threads import race

KEY = "runners/2.336.0/linux-x64/actions-runner-linux-x64-2.336.0.tar.gz"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def put(objects: Objects, key: str, data: bytes) -> Stored:
    return objects.put(key, io.BytesIO(data), sha256(data))


def content(objects: Objects, key: str) -> bytes:
    with objects.open(key) as file:
        return file.read()


def listed(objects: Objects, prefix: str) -> list[Listed]:
    return list(pages(lambda cursor: objects.page(prefix, cursor)))


@pytest.fixture
def clock() -> ManualClock:
    """The clock that the store goes by."""
    return ManualClock(1_800_000_000_000_000)


@pytest.fixture(params=ADAPTERS.values(), ids=list(ADAPTERS))
def objects(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Objects]:
    """A store without objects."""
    with request.param(tmp_path, clock) as opened:
        yield opened


@pytest.mark.parametrize("data", [b"", b"package", bytes(range(256)) * 20_000], ids=["empty", "small", "5 MB"])
def test_what_is_put_can_be_read(objects: Objects, clock: ManualClock, data: bytes) -> None:
    """Bytes, size, digest and time come back as they were given."""
    stored = put(objects, KEY, data)
    assert stored == Stored(KEY, len(data), clock.now(), sha256(data))
    assert objects.head(KEY) == stored
    assert content(objects, KEY) == data


def test_content_is_taken_from_where_it_stands(objects: Objects) -> None:
    """A file that was read for its first bytes is stored from there on."""
    file = io.BytesIO(b"headbody")
    file.seek(4)
    objects.put(KEY, file, sha256(b"body"))
    assert content(objects, KEY) == b"body"


def test_nothing_is_there_at_first(objects: Objects) -> None:
    """No object: no head, nothing to open, nothing listed."""
    assert objects.head(KEY) is None
    with pytest.raises(NotFound), objects.open(KEY):
        raise AssertionError("it was opened")
    assert listed(objects, "") == []


def test_a_folder_is_no_object(objects: Objects) -> None:
    """A key's beginning is not an object."""
    put(objects, KEY, b"package")
    assert objects.head("runners/2.336.0") is None
    objects.delete("runners/2.336.0")
    assert content(objects, KEY) == b"package"


def test_a_second_put_takes_the_place_of_the_first(objects: Objects, clock: ManualClock) -> None:
    """Idempotent, and the time is that of the last."""
    put(objects, KEY, b"first")
    clock.advance(HOUR)
    assert put(objects, KEY, b"second").stored_at == clock.now()
    assert content(objects, KEY) == b"second"
    assert listed(objects, "") == [Listed(KEY, 6, clock.now())]


def test_other_bytes_than_announced_are_refused(objects: Objects) -> None:
    """What stood there stays, and nothing else appears."""
    with pytest.raises(Rejected, match=sha256(b"forged")):
        objects.put(KEY, io.BytesIO(b"forged"), sha256(b"package"))
    assert (objects.head(KEY), listed(objects, "")) == (None, [])
    put(objects, KEY, b"package")
    with pytest.raises(Rejected):
        objects.put(KEY, io.BytesIO(b"forged"), sha256(b"package"))
    assert content(objects, KEY) == b"package"


class Failing(io.RawIOBase):
    """A source that gives some bytes and then fails."""

    given = False

    def read(self, size: int = -1) -> bytes:
        """Some bytes, if only some are asked for the first time."""
        if size < 0 or self.given:
            raise RuntimeError("the source failed")
        self.given = True
        return b"some bytes"


def test_a_source_that_fails_leaves_what_was_there(objects: Objects) -> None:
    """All or nothing, whatever goes wrong in between."""
    put(objects, KEY, b"package")
    with pytest.raises(RuntimeError, match="the source failed"):
        objects.put(KEY, Failing(), sha256(b"some bytes"))  # type: ignore[arg-type]  # all of a file that is needed
    assert content(objects, KEY) == b"package"
    assert [item.key for item in listed(objects, "")] == [KEY]


def test_an_open_object_is_what_it_was(objects: Objects) -> None:
    """A reader is not disturbed by who replaces or deletes the object."""
    put(objects, KEY, b"first")
    with objects.open(KEY) as file:
        put(objects, KEY, b"second")
        objects.delete(KEY)
        assert file.read() == b"first"


def test_listing_walks_over_all_pages_in_order(objects: Objects) -> None:
    """Every object with the prefix once, and no other; a prefix may end in the middle of a name."""
    keys = [f"runners/{number}/x" for number in range(PAGE_SIZE * 2 + 1)]
    for key in [*reversed(keys), "other/x", "runners-old/x"]:
        put(objects, key, b"x")
    assert [item.key for item in listed(objects, "runners/")] == keys
    assert [item.key for item in listed(objects, "runn")] == ["runners-old/x", *keys]
    assert len(objects.page("runners/").items) == PAGE_SIZE
    assert listed(objects, "nothing/") == []


def test_a_page_that_is_exactly_full_is_the_last(objects: Objects) -> None:
    """No empty page follows."""
    for number in range(PAGE_SIZE):
        put(objects, f"a/{number}", b"x")
    assert objects.page("a/").cursor is None


def test_deleting_is_idempotent(objects: Objects) -> None:
    """It is gone, again is no error, and its neighbours stay."""
    put(objects, "a/b/one", b"1")
    put(objects, "a/two", b"2")
    objects.delete("a/b/one")
    objects.delete("a/b/one")
    objects.delete("a/b/c/never")
    assert objects.head("a/b/one") is None
    assert content(objects, "a/two") == b"2"
    put(objects, "a/b/one", b"again")
    assert content(objects, "a/b/one") == b"again"


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a/.b", "a b", "a\0", "ä", "a\n", "x" * 513, "a\\b"]
)
def test_what_is_no_key_is_refused(objects: Objects, key: str) -> None:
    """By every method alike: a key can never lead out of the store."""
    with pytest.raises(InvalidInput):
        put(objects, key, b"x")
    with pytest.raises(InvalidInput):
        objects.head(key)
    with pytest.raises(InvalidInput), objects.open(key):
        raise AssertionError("it was opened")
    with pytest.raises(InvalidInput):
        objects.delete(key)


def test_of_many_that_put_at_once_one_whole_object_stays(objects: Objects) -> None:
    """The bytes that are read are one writer's, never a mixture, and they fit their digest."""
    offers = [bytes([number]) * 100_000 for number in range(8)]

    def offer(number: int) -> Stored:
        if number % 2:
            objects.delete(KEY)
        return put(objects, KEY, offers[number])

    race(8, offer)
    last = objects.head(KEY) or put(objects, KEY, offers[0])
    assert content(objects, KEY) in offers
    assert sha256(content(objects, KEY)) == last.sha256
