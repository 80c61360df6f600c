"""Where a secret is. The file never holds one, and neither does any value that is made of the file."""

from collections.abc import Mapping
from pathlib import Path

import attrs

from paddock.core.errors import InvalidInput


@attrs.frozen
class SecretRef:
    """A secret by its place: an environment variable's name, or a file's path. Exactly one is set.

    ``field`` is where the configuration names it, for errors.
    """

    field: str
    env: str | None = None
    file: Path | None = None

    @property
    def place(self) -> str:
        """Where it is, as the file says it."""
        return f"{{env: {self.env}}}" if self.env is not None else f"{{file: {self.file}}}" if self.file else "{}"

    def read(self, environ: Mapping[str, str]) -> str:
        """The secret itself, without line ends around it.

        Raises:
            InvalidInput: there is no such variable or file, or it is empty.
        """
        return self._from_environment(environ, self.env) if self.env is not None else self._from_file()

    def _from_environment(self, environ: Mapping[str, str], name: str) -> str:
        place = self.place
        if name not in environ:
            raise InvalidInput(self.field, place, f"the environment has no such variable: export {name}=…")
        return self._checked(environ[name], place, f"the variable is empty: export {name}=…")

    def _from_file(self) -> str:
        if self.file is None:
            raise InvalidInput(
                self.field, self.place, "names neither a variable nor a file: write {env: NAME} or {file: PATH}"
            )
        place = self.place
        try:
            text = self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise InvalidInput(
                self.field, place, "there is no such file: write the secret into it, or name another"
            ) from None
        except (OSError, ValueError) as error:
            raise InvalidInput(
                self.field,
                place,
                f"cannot be read ({type(error).__name__}): make it a text file that this user may read",
            ) from None
        return self._checked(text, place, "the file is empty: write the secret into it")

    def _checked(self, text: str, place: str, remedy: str) -> str:
        text = text.strip("\r\n")
        if not text.strip():
            raise InvalidInput(self.field, place, remedy)
        return text
