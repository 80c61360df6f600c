"""A stack's two secrets in Secrets Manager: what is there, and what is put there."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from paddock.adapters.app_setup import Kept
from paddock.adapters.aws.cloudformation import Standing
from paddock.adapters.aws.codes import SECRETS
from paddock.adapters.aws.errors import Asking
from paddock.core.errors import InvalidInput, NotFound
from paddock.entrypoints.aws_stack.places import Places

GITHUB: Final = "GithubSecret"
WEBHOOK: Final = "WebhookSecret"
"""The outputs that name them."""

_ask: Final = Asking(SECRETS)


def text_of(places: Places, secret: str) -> str | None:
    """What is in a secret; None if it has no version yet."""
    try:
        found: str | None = _ask(places.secrets.get_secret_value, SecretId=secret).get("SecretString")
    except NotFound:
        return None
    return found


def put(places: Places, secret: str, text: str) -> bool:
    """Put a secret's text where it belongs; False if it is there already: a version more would push one out."""
    if text_of(places, secret) == text:
        return False
    _ask(places.secrets.put_secret_value, SecretId=secret, SecretString=text)
    return True


def standing_of(places: Places, stack: str, env: str) -> Standing:
    """The stack, whole.

    Raises:
        NotFound: it is not there.
    """
    found = places.stacks.find(stack)
    if found is None or not found.exists or GITHUB not in found.outputs:
        raise NotFound(
            f"there is no stack {stack} in {places.region} whose secrets could be filled: make it first, with "
            f"`paddock stack deploy --env {env} --no-secrets`"
        )
    return found


@attrs.frozen
class StackKeeper:
    """Keeps an App's secrets there. See `paddock.adapters.app_setup.Keeper`."""

    at: Places
    outputs: Mapping[str, str]
    replace: bool = False

    @property
    def places(self) -> Sequence[str]:
        """See `Keeper.places`."""
        where = f"of Secrets Manager in {self.at.region}"
        return f"the private key in {self.outputs[GITHUB]} {where}", f"the webhook secret in {self.outputs[WEBHOOK]}"

    def check(self) -> None:
        """See `Keeper.check`."""
        for output in (GITHUB, WEBHOOK):
            secret = self.outputs[output]
            if text_of(self.at, secret) is not None and not self.replace:
                raise InvalidInput(
                    "secret",
                    secret,
                    "is filled already: an App or a token was set up before. `paddock github webhook` changes where an "
                    "App's webhooks go; --replace puts another App's secrets in its place",
                )

    def keep(self, kept: Kept) -> None:
        """See `Keeper.keep`."""
        put(self.at, self.outputs[GITHUB], kept.key)
        put(self.at, self.outputs[WEBHOOK], kept.webhook_secret)

    def by_hand(self, key: Path, secret: Path) -> list[str]:
        """See `Keeper.by_hand`."""
        command = f"aws secretsmanager put-secret-value --region {self.at.region}"
        pairs = ((self.outputs[GITHUB], key), (self.outputs[WEBHOOK], secret))
        lines = [
            f"{command} --secret-id {name} --secret-string {shlex.quote(f'file://{path}')}" for name, path in pairs
        ]
        return [*lines, shlex.join(["rm", str(key), str(secret)])]

    @property
    def references(self) -> Mapping[tuple[str, ...], str]:
        """See `Keeper.references`: the stack's functions know where they are by themselves."""
        return {}
