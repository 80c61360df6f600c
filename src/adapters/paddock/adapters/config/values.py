"""What the configuration file comes to."""

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from paddock.adapters.config.secrets import SecretRef
from paddock.adapters.slack_address import BASE, checked
from paddock.core.errors import InvalidInput
from paddock.core.settings import FleetSettings
from paddock.core.units import MINUTE, Span


@attrs.frozen
class AppConfig:
    """A GitHub App: its id or client id, and where its private key (PEM) is.

    ``installation_id`` None: asked of GitHub for each owner.
    """

    id: str
    private_key: SecretRef
    installation_id: int | None = None

    def pem(self, environ: Mapping[str, str]) -> str:
        """The private key's text.

        Raises:
            InvalidInput: it cannot be read, or no App of GitHub's has such a key. The error does not repeat it.
        """
        from paddock.adapters.github.app_jwt import private_key_of  # noqa: PLC0415 - a file can be read without it

        text = self.private_key.read(environ)
        try:
            private_key_of(text)
        except InvalidInput as error:
            raise InvalidInput(self.private_key.field, self.private_key.place, error.remedy) from None
        return text


@attrs.frozen
class Hook:
    """A webhook whose delivery log is read: of ``owner/name`` or of a whole organisation, by GitHub's id of the hook.

    Needed with a token only; an App has a log of its own.
    """

    target: str
    id: int


@attrs.frozen
class GitHubConfig:
    """Which GitHub, and by what right. Exactly one of ``app`` and ``token`` is set.

    ``webhook_secrets`` has several entries while a secret is being rotated: a delivery signed with any of them counts.
    """

    url: str
    webhook_secrets: tuple[SecretRef, ...]
    app: AppConfig | None = None
    token: SecretRef | None = None
    hooks: tuple[Hook, ...] = ()

    @property
    def secrets(self) -> tuple[SecretRef, ...]:
        """Every secret it names."""
        one = self.app.private_key if self.app is not None else self.token
        return self.webhook_secrets if one is None else (*self.webhook_secrets, one)

    @property
    def readers(self) -> tuple[Callable[[Mapping[str, str]], str], ...]:
        """What reads each of them, and looks at what can be judged: at the key, not at a text of anybody's choice."""
        key, app = (None, None) if self.app is None else (self.app.private_key, self.app)
        return tuple(app.pem if app is not None and one is key else one.read for one in self.secrets)


@attrs.frozen
class RunnerPin:
    """A fixed version of the official runner instead of GitHub's current one, with its package's SHA-256."""

    version: str
    sha256: str


@attrs.frozen
class LocalConfig:
    """The one-machine fleet: where it listens, where it keeps its state, how many jobs run side by side.

    ``port`` 0 means any free one. ``reconcile`` is how often levels are compared.
    """

    host: str
    port: int
    state: Path
    slots: int = 4
    runner: RunnerPin | None = None
    reconcile: Span = MINUTE


@attrs.frozen
class SlackConfig:
    """A channel of Slack: where the address of its incoming webhook is, and what that must begin with."""

    webhook: SecretRef
    base: str = BASE

    def address(self, environ: Mapping[str, str]) -> str:
        """The webhook's address, which is a secret.

        Raises:
            InvalidInput: it cannot be read, or is none.
        """
        return checked(self.webhook.read(environ), self.base)


@attrs.frozen
class Config:
    """A whole configuration file. ``file`` is its path as given; ``slack`` is told of reports and alarms.

    ``seal`` is a digest of the file and of the schema that it was held to: who loads it again may go by that.
    """

    file: Path
    github: GitHubConfig
    settings: FleetSettings
    local: LocalConfig
    slack: SlackConfig | None = None
    seal: str = attrs.field(default="", eq=False)
