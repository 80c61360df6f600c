"""Settings from a function's environment: typed, checked when it starts, and every mistake told at once.

Here is how they are read, and what the webhook function needs; `fleet_settings` has what the others need, whose types
come with boto3. No variable holds a secret: two of them say where one is.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from paddock.core.environment import Environments
from paddock.core.errors import InvalidInput
from paddock.core.settings import Alias

REGION: Final = re.compile(r"[a-z]{2,5}(?:-[a-z]+)+-\d{1,2}")
STACK: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECRET: Final = re.compile(r"[A-Za-z0-9/_+=.@:-]{1,2048}")

_SHOWN: Final = 120


class InvalidEnvironment(InvalidInput):
    """An environment that cannot be used. ``problems`` are all that is wrong with it; its text has a line for each."""

    def __init__(self, problems: Sequence[InvalidInput]) -> None:
        """Args: at least one problem; the first becomes the error's own field, value and remedy."""
        first = problems[0]
        super().__init__(first.field, first.value, first.remedy)
        self.args = ("\n".join(map(_told, problems)),)
        self.problems = tuple(problems)


def _told(problem: InvalidInput) -> str:
    return f"{problem.field} is not set: {problem.remedy}" if problem.value is None else str(problem)


class Environment:
    """Reads variables. A wrong one gives an empty value and goes to ``problems``; `check` raises them all."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """Args: the environment."""
        self._variables = variables
        self.problems: list[InvalidInput] = []

    def refuse(self, name: str, value: object, right: str) -> None:
        """Note a problem with a variable."""
        self.problems.append(InvalidInput(name, value, right))

    def check(self) -> None:
        """Go on only if nothing was wrong.

        Raises:
            InvalidEnvironment: something was; it names every variable, its value and what would be right.
        """
        if self.problems:
            raise InvalidEnvironment(self.problems)

    def text(self, name: str, pattern: re.Pattern[str], right: str, default: str | None = None) -> str:
        """A variable that must match the whole pattern."""
        value = self._variables.get(name, default)
        if value is not None and pattern.fullmatch(value):
            return value
        self.refuse(name, _shown(value), right)
        return ""

    def secret(self, name: str) -> str:
        """A secret's name or ARN. If somebody has put the secret itself there, it is not shown."""
        value = self._variables.get(name)
        if value and SECRET.fullmatch(value):
            return value
        shown = value if not value else f"({len(value)} characters)"
        self.refuse(name, shown, "must be the name or the ARN of a secret in Secrets Manager")
        return ""

    def queue(self, name: str) -> str:
        """A queue's address."""
        value = self._variables.get(name)
        if value is not None and _is_address(value, path=True):
            return value
        right = "must be a queue's URL such as https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"
        self.refuse(name, _shown(value), right)
        return ""

    def data(self, name: str, right: str, default: str | None = None) -> Any:  # noqa: ANN401 - plain data of any shape
        """A variable with JSON in it; None if it is wrong."""
        value = self._variables.get(name) or default
        try:
            found = json.loads(value or "")
        except (ValueError, RecursionError):
            found = None
        if found is None:
            self.refuse(name, _shown(value), right)
        return found

    def endpoints(self) -> Mapping[str, str]:
        """Addresses by service that replace AWS's own, in the variables that AWS's clients read, too."""
        found: dict[str, str] = {}
        for service, word in (("sqs", "SQS"), ("secretsmanager", "SECRETS_MANAGER")):
            name = f"AWS_ENDPOINT_URL_{word}"
            name = name if self._variables.get(name) else "AWS_ENDPOINT_URL"
            value = self._variables.get(name)
            if value and _is_address(value, path=False):
                found[service] = value.rstrip("/")
            elif value:
                self.refuse(name, _shown(value), "must be scheme://host[:port]")
        return found


@attrs.frozen(kw_only=True)
class WebhookSettings:
    """What the webhook function must know.

    ``stack`` is the fleet's name; ``webhook_secret`` names the secret that GitHub signs with; ``aliases`` and
    ``environments`` are those of the fleet's configuration file, whose other parts decide nothing here. ``endpoints``
    are addresses by service.
    """

    region: str
    stack: str
    jobs_url: str
    events_url: str
    webhook_secret: str
    aliases: tuple[Alias, ...] = ()
    environments: Environments = Environments()
    endpoints: Mapping[str, str] = attrs.field(factory=dict)


def webhook_settings(variables: Mapping[str, str]) -> WebhookSettings:
    """The settings in the environment.

    Raises:
        InvalidEnvironment: something is wrong with it.
    """
    environment = Environment(variables)
    settings = WebhookSettings(
        region=region(environment),
        stack=stack(environment),
        jobs_url=environment.queue("PADDOCK_JOBS_URL"),
        events_url=environment.queue("PADDOCK_EVENTS_URL"),
        webhook_secret=environment.secret("PADDOCK_WEBHOOK_SECRET"),
        aliases=_aliases(environment),
        environments=_environments(environment),
        endpoints=environment.endpoints(),
    )
    environment.check()
    return settings


def region(environment: Environment) -> str:
    """The region that Lambda runs the function in."""
    return environment.text("AWS_REGION", REGION, "must be a region such as eu-west-1; Lambda sets it")


def stack(environment: Environment) -> str:
    """The fleet's name: the tag of its machines, and the dimension of its metrics."""
    return environment.text("PADDOCK_STACK", STACK, "must be 1 to 64 letters, digits, dots, dashes or underscores")


def _aliases(environment: Environment) -> tuple[Alias, ...]:
    name, right = "PADDOCK_ALIASES", 'must be a list in JSON such as [{"match": "linux-*", "runs_on": "paddock/cpu=4"}]'
    given = environment.data(name, right, default="[]")
    if given is None:
        return ()
    if not isinstance(given, list):
        environment.refuse(name, _shown(json.dumps(given)), right)
        return ()
    found: list[Alias] = []
    for one in given:
        words = one if isinstance(one, dict) and set(one) == {"match", "runs_on"} else {}
        if not words or not all(isinstance(word, str) and word for word in words.values()):
            environment.refuse(name, _shown(json.dumps(one)), right)
            continue
        found.append(Alias(**words))
    return tuple(found)


def _environments(environment: Environment) -> Environments:
    name, right = "PADDOCK_ENVIRONMENTS", 'must be in JSON such as {"unnamed": true, "others": ["dev"]}'
    given = environment.data(name, right, default="{}")
    usual = Environments()
    words = given if isinstance(given, dict) and set(given) <= {"unnamed", "others"} else None
    unnamed, others = (words or {}).get("unnamed", usual.unnamed), (words or {}).get("others")
    if words is None or not isinstance(unnamed, bool) or not (others is None or _are_texts(others)):
        if given is not None:
            environment.refuse(name, _shown(json.dumps(given)), right)
        return usual
    return Environments(unnamed, None if others is None else tuple(others))


def _are_texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _is_address(value: str, *, path: bool) -> bool:
    """True for an http or https address without credentials, with a path or without one."""
    if not value.isascii() or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and parts.username is None
            and not (parts.query or parts.fragment)
            and (parts.path not in ("", "/")) is path
        )
    except ValueError:
        return False


def _shown(value: str | None) -> str | None:
    return value if value is None or len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
