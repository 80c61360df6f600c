"""The repository's side of an acceptance: it takes back what is its own, and knows it without the stack."""

from collections.abc import Sequence

import attrs
import pytest

from paddock.core.errors import Unavailable
from paddock.entrypoints.acceptance.repository import Repository

OWN, OTHERS = "paddock-acceptance-1-0a1b2c3d", ("paddock-acceptance-1-b-0a1b2c3d", "paddock-acceptance-1-0a1b2c3d4")


@attrs.define
class Author:
    """What `RestAuthor` does, on plain values. ``lost`` are acts that are done, and whose answers are lost."""

    names: list[str] = attrs.field(factory=list)
    urls: dict[int, str] = attrs.field(factory=dict)
    lost: set[str] = attrs.field(factory=set)
    repository: str = "acme/shop"

    def did(self, act: str) -> None:
        """It is done."""
        if act in self.lost:
            raise Unavailable(act)

    def default_branch(self) -> str:
        """As GitHub names it."""
        return "main"

    def branches(self, prefix: str) -> tuple[str, ...]:
        """By their prefix."""
        self.did("branches")
        return tuple(name for name in self.names if name.startswith(prefix))

    def delete_branch(self, branch: str) -> bool:
        """Delete it."""
        self.names.remove(branch)
        return True

    def add_hook(self, url: str, secret: str, events: Sequence[str]) -> int:
        """Add it."""
        assert secret
        assert events
        self.urls[len(self.urls)] = url
        self.did("add_hook")
        return len(self.urls) - 1

    def hooks(self) -> dict[int, str]:
        """All."""
        return dict(self.urls)

    def delete_hook(self, hook_id: int) -> bool:
        """Delete it."""
        del self.urls[hook_id]
        return True


def repository(author: Author) -> Repository:
    """The repository as another process has it that knows nothing but the environment's name."""
    return Repository(
        author=author,  # type: ignore[arg-type]  # by its methods
        runners=None,  # type: ignore[arg-type]  # nobody asks it
        scopes=(),
        environment="acceptance-1",
        token="99999999",
        arch="x64",
        hook_secret="hush",
    )


def test_branches_of_other_environments_stay() -> None:
    """Their names begin with this one's name."""
    author = Author(names=[OWN, *OTHERS])
    made = repository(author)
    made.adopt()
    assert made.left() == (f"the branch {OWN} of acme/shop",)
    made.clean(lambda _: None)
    assert (author.names, made.left()) == (list(OTHERS), ())


def test_the_webhook_is_found_when_the_stack_is_gone() -> None:
    """By the environment's name in its address, and even if the answer to its making was lost; others stay."""
    others = {7: "https://example.com/", 8: "https://example.com/?environment=acceptance-1-b"}
    author = Author(urls=dict(others), lost={"add_hook"})
    with pytest.raises(Unavailable):
        repository(author).prepare("https://id.lambda-url.eu-west-1.on.aws/")
    later = repository(author)
    later.adopt()
    assert later.left() == ("the webhook of acme/shop whose address ends with ?environment=acceptance-1",)
    later.clean(lambda _: None)
    assert (author.urls, later.left()) == (others, ())
