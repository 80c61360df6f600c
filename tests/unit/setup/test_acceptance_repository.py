"""The repository's side of an acceptance: it takes back what is its own, and knows it without the stack."""

from collections.abc import Sequence

import attrs
import pytest

from paddock.core.errors import PaddockError, Unavailable
from paddock.entrypoints.acceptance.repository import Repository
from paddock.entrypoints.acceptance.scenarios import SCENARIOS

OWN, OTHERS = "paddock-acceptance-1-0a1b2c3d", ("paddock-acceptance-1-b-0a1b2c3d", "paddock-acceptance-1-0a1b2c3d4")


@attrs.define
class Author:
    """What `RestAuthor` does, on plain values. ``lost`` are acts that are done, and whose answers are lost."""

    names: list[str] = attrs.field(factory=list)
    urls: dict[int, str] = attrs.field(factory=dict)
    runs: dict[str, list[int]] = attrs.field(factory=dict)
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

    def running(self, branch: str) -> tuple[int, ...]:
        """Those that have not ended."""
        return tuple(self.runs.get(branch, ()))

    def cancel(self, run_id: int) -> None:
        """It ends; one of them will not."""
        self.did(f"cancel {run_id}")
        for runs in self.runs.values():
            if run_id in runs:
                runs.remove(run_id)


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


def nobody(error: PaddockError) -> None:
    """Nothing is to be noted."""
    raise error


def test_runs_on_branches_that_were_left_are_cancelled() -> None:
    """One that will not be is noted, and keeps no other branch's from it; other environments' go on."""
    second, noted = "paddock-acceptance-1-99999999", list[PaddockError]()
    author = Author(names=[OWN, second, *OTHERS], runs={OWN: [1], second: [2, 3], OTHERS[0]: [4]}, lost={"cancel 1"})
    repository(author).adopt(noted.append)
    assert author.runs == {OWN: [1], second: [], OTHERS[0]: [4]}
    assert [str(error) for error in noted] == ["cancel 1"]


def test_a_scenario_that_was_never_started_has_no_run() -> None:
    """It is asked for in the removal, when nothing may fail."""
    assert repository(Author()).find(SCENARIOS[0]) is None


def test_branches_of_other_environments_stay() -> None:
    """Their names begin with this one's name."""
    author = Author(names=[OWN, *OTHERS])
    made = repository(author)
    made.adopt(nobody)
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
    later.adopt(nobody)
    assert later.left() == ("the webhook of acme/shop whose address ends with ?environment=acceptance-1",)
    later.clean(lambda _: None)
    assert (author.urls, later.left()) == (others, ())
