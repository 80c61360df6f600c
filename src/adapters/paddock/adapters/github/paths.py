"""Names as parts of a URL's path: checked, so that no name can leave its place."""

import re

from paddock.core.errors import NotFound
from paddock.core.ports.github import Scope

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_DOTS = frozenset({".", ".."})


def account_path(scope: Scope) -> str:
    """``/repos/owner/name`` or ``/orgs/owner``.

    Raises:
        NotFound: no account or repository on GitHub can bear such a name.
    """
    for part in (scope.owner, scope.name) if scope.name else (scope.owner,):
        if part in _DOTS or not _NAME.fullmatch(part):
            raise NotFound(
                f"{str(scope)[:200]!r} is no name that GitHub knows: owner/name is made of A-Z a-z 0-9 . _ -"
            )
    return f"/repos/{scope.owner}/{scope.name}" if scope.name else f"/orgs/{scope.owner}"


def repository_scope(repository: str) -> Scope:
    """The scope of ``owner/name``.

    Raises:
        NotFound: it is not of that form.
    """
    owner, _, name = repository.partition("/")
    if not name:
        raise NotFound(f"{repository[:200]!r} is no repository: write owner/name")
    return Scope(owner, name)
