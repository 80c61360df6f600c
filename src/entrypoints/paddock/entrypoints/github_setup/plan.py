"""What `paddock github setup` takes from paddock.yml, and what it supposes where there is none yet."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from paddock.adapters.app_setup import FileKeeper
from paddock.adapters.config import Config, SecretRef, load
from paddock.adapters.github.endpoints import Endpoints, endpoints_of
from paddock.core.errors import InvalidInput
from paddock.core.settings import ScopeKind

GITHUB = "https://github.com"
KEY, SECRET = "paddock-app.pem", "paddock-webhook.secret"


@attrs.frozen
class Chosen:
    """Which GitHub, where runners are registered, and the file's content if it is there."""

    file: Path
    endpoints: Endpoints
    scope: ScopeKind
    config: Config | None = None

    @property
    def folder(self) -> Path:
        """Where the file is or will be."""
        return self.file.parent

    def files(self, *, replace: bool) -> FileKeeper:
        """The files that paddock.yml names; where it names none, two beside it."""
        github = None if self.config is None else self.config.github
        key = github.app.private_key.file if github is not None and github.app is not None else None
        secret = github.webhook_secrets[0].file if github is not None else None
        named = [path for path in (key, secret) if path is not None]
        return FileKeeper(key or self.folder / KEY, secret or self.folder / SECRET, self.folder, replace, named)

    def app(self) -> tuple[str, SecretRef]:
        """The App's id and where its key is.

        Raises:
            InvalidInput: there is no file, or it names no App.
        """
        app = None if self.config is None else self.config.github.app
        if app is None:
            raise InvalidInput(
                "--config", str(self.file), "must name a github.app: `paddock github setup` makes one, --write adds it"
            )
        return app.id, app.private_key


def chosen(file: Path, github: str | None, scope: str | None) -> Chosen:
    """By paddock.yml if it is there; what is given goes first.

    Raises:
        InvalidInput: what is given cannot be used, or contradicts the file.
        InvalidConfig: the file cannot be used.
    """
    if scope is not None and scope not in tuple(ScopeKind):
        raise InvalidInput("--scope", scope, f"must be {' or '.join(ScopeKind)}")
    config = load(file) if file.exists() else None
    said: Mapping[str, tuple[str | None, str]] = {}
    if config is not None:
        said = {
            "--github": (github, config.github.url),
            "--scope": (scope, config.settings.scope.value),
        }
    for option, (given, stands) in said.items():
        if given is not None and given.rstrip("/") != stands.rstrip("/"):
            raise InvalidInput(option, given, f"must be what {file} says: {stands}. Change it there, or leave it out")
    url = github or (config.github.url if config is not None else GITHUB)
    kind = ScopeKind(scope) if scope else (config.settings.scope if config else ScopeKind.REPOSITORY)
    return Chosen(file, endpoints_of(url), kind, config)
