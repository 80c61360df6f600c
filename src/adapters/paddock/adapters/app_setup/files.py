"""Where an App's secrets are kept, and how nothing is lost on the way there: GitHub hands them out once."""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import attrs

from paddock.adapters.app_setup.lines import lines
from paddock.adapters.github.manifest import NewApp
from paddock.core.errors import InvalidInput, PaddockError, Rejected

_EXCLUSIVE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@attrs.frozen
class Kept:
    """The secrets of a new App. Left out of `repr`."""

    key: str = attrs.field(repr=False)
    webhook_secret: str = attrs.field(repr=False)


class Keeper(Protocol):
    """Keeps the two secrets where the fleet reads them."""

    @property
    def places(self) -> Sequence[str]:
        """Where, in words: first the key's, then the webhook secret's."""

    def check(self) -> None:
        """Look before anything is made whether they can be kept there.

        Raises:
            InvalidInput: something is there already, or cannot be written.
            PaddockError: it cannot be found out.
        """

    def keep(self, kept: Kept) -> None:
        """Keep both.

        Raises:
            PaddockError, OSError: that did not work; perhaps one of them is there.
        """

    def by_hand(self, key: Path, secret: Path) -> list[str]:
        """How somebody puts these files' texts there, a line for each step."""

    @property
    def references(self) -> Mapping[tuple[str, ...], str]:
        """What paddock.yml says of them: YAML by the path of its key."""


@attrs.frozen
class FileKeeper:
    """Keeps them in two files that only their owner reads.

    ``base`` is the folder of paddock.yml, ``named`` are those of the files that it names already.
    """

    key: Path
    secret: Path
    base: Path
    replace: bool = False
    named: Sequence[Path] = ()

    @property
    def places(self) -> Sequence[str]:
        """See `Keeper.places`."""
        return f"the private key in {self.key}", f"the webhook secret in {self.secret}"

    def check(self) -> None:
        """See `Keeper.check`."""
        if self.key.resolve() == self.secret.resolve():
            raise InvalidInput(
                "github.app.private_key",
                str(self.key),
                "must be another file than github.webhook_secret names: one would be written over the other",
            )
        for path in (self.key, self.secret):
            if os.path.lexists(path) and not self.replace:
                raise InvalidInput(
                    "file",
                    str(path),
                    "is there already: an App was set up here before. `paddock github webhook` changes where its "
                    "webhooks go; --replace writes another App's secrets over it",
                )
            if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
                raise InvalidInput(
                    "file",
                    str(path),
                    "cannot be written: it must be a file in a folder that there is; or name another --config",
                )

    def keep(self, kept: Kept) -> None:
        """See `Keeper.keep`."""
        for path, text in ((self.key, kept.key), (self.secret, kept.webhook_secret)):
            if not self.replace:
                write_private(path, text)
                continue
            part = path.with_name(f".{path.name}.new")
            part.unlink(missing_ok=True)
            write_private(part, text)
            try:
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)  # it has the secret, and nobody would be told of it

    def by_hand(self, key: Path, secret: Path) -> list[str]:
        """See `Keeper.by_hand`."""
        return [shlex.join(["mv", str(old), str(new)]) for old, new in ((key, self.key), (secret, self.secret))]

    @property
    def references(self) -> Mapping[tuple[str, ...], str]:
        """See `Keeper.references`."""
        places = {("github", "webhook_secret"): self.secret, ("github", "app", "private_key"): self.key}
        return {name: f"{{file: {self._shown(path)}}}" for name, path in places.items() if path not in self.named}

    def _shown(self, path: Path) -> str:
        shown = f"./{path.relative_to(self.base)}" if path.is_relative_to(self.base) else str(path)
        return shown if not set(shown) & set(" ,:#{}[]&*!|>'\"%@`") else "'" + shown.replace("'", "''") + "'"


def write_private(path: Path, text: str) -> None:
    """A new file of exactly this text that only its owner may read.

    Raises:
        OSError: something of the name is there, or it cannot be written; nothing of it is left then.
    """
    descriptor = os.open(path, _EXCLUSIVE, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)  # whatever the umask took away
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def in_safety(app: NewApp, kept: Kept, keeper: Keeper, folders: Sequence[Path], settings: str) -> None:
    """Keep the secrets; until that is done they lie in private files here, and stay there if it goes wrong.

    Args:
        app: whose they are.
        kept: the secrets.
        keeper: keeps them.
        folders: where they may lie meanwhile, the first that can be written to.
        settings: the App's page at GitHub, where another key can be made.

    Raises:
        Rejected: they could not be kept; says where they are, and what to do.
    """
    lying = next(_laid(app, kept, folders), None)
    try:
        keeper.keep(kept)
    except Exception as error:  # noqa: BLE001 - whatever it was, it must be told where they are
        said = _said(error)
        failed = Rejected(f"the App {app.slug} ({app.id}) is made, but its secrets could not be kept: {said}")
        if lying is None:
            failed.add_note(
                f"They could not be written anywhere here either. Nothing is lost with them: make a new private key "
                f"and set a new webhook secret on {settings}, and put them where paddock.yml says"
            )
        else:
            failed.add_note(f"Nothing is lost: they are in {lying[0]} and {lying[1]}, which only you can read. Then:")
            for line in keeper.by_hand(*lying):
                failed.add_note(f"  {line}")
        failed.add_note("paddock.yml must say:")
        for line in lines({**keeper.references, ("github", "app", "id"): str(app.id)}).splitlines():
            failed.add_note(f"  {line}")
        failed.add_note(f"Then install it at {app.install_url}")
        raise failed from None
    for path in lying or ():
        with suppress(OSError):
            path.unlink()


def _said(error: Exception) -> str:
    """What went wrong. Of what nobody expects only its kind: its text may hold what was to be kept."""
    if isinstance(error, PaddockError):
        return str(error)
    return f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else type(error).__name__


def _laid(app: NewApp, kept: Kept, folders: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    for folder in folders:
        paths = folder / f"paddock-app-{app.id}.pem", folder / f"paddock-app-{app.id}.webhook-secret"
        try:
            write_private(paths[0], kept.key)
        except OSError:
            continue
        try:
            write_private(paths[1], kept.webhook_secret)
        except OSError:
            with suppress(OSError):
                paths[0].unlink()  # ours, and half of it is of no use: nobody would be told of it
            continue
        yield paths
