"""Whose job it is: by the mark in its labels, and by the environment that they name."""

from collections.abc import Iterable, Sequence

from paddock.core.label_values import NAME, InvalidLabel
from paddock.core.labels import alias_of, claimed_by
from paddock.core.settings import Alias, FleetSettings


def is_ours(labels: Sequence[str], settings: FleetSettings) -> bool:
    """True if a job of these labels is the fleet's affair: to be served, or to be refused with a reason.

    Of two fleets that take what names no environment each thinks so: let one alone take it.
    """
    if claimed_by(labels, settings.aliases) is None:
        return False
    named = environment_named(labels, settings.aliases)
    if named is None:
        return settings.environments.unnamed
    return named == settings.environment.casefold() or (settings.environments.unnamed and _nobodys(named, settings))


def is_elsewhere(labels: Sequence[str], settings: FleetSettings) -> bool:
    """True if the labels name an environment, and it is not the fleet's."""
    return environment_named(labels, settings.aliases) not in {None, settings.environment.casefold()}


def check_environment(labels: Sequence[str], settings: FleetSettings) -> None:
    """Refuse what is meant for another environment.

    Raises:
        InvalidLabel: it is.
    """
    if is_elsewhere(labels, settings):
        named = environment_named(labels, settings.aliases)
        known = ", ".join(dict.fromkeys((settings.environment, *(settings.environments.others or ()))))
        raise InvalidLabel("env", named, f"is no environment of this fleet: {known}")


def environment_named(labels: Sequence[str], aliases: Iterable[Alias] = ()) -> str | None:
    """The environment that labels of ours name, case-folded; None if they name none. Their other keys may be wrong."""
    for label in labels:
        alias = alias_of(label, aliases)
        for part in (label if alias is None else alias.runs_on).casefold().split("/"):
            key, _, value = part.partition("=")
            if key.strip() == "env":
                return value.strip()
    return None


def _nobodys(named: str, settings: FleetSettings) -> bool:
    """True if no fleet is called that, or can be: the one that takes what names none has to say so."""
    others = settings.environments.others
    known = others is not None and named not in {one.casefold() for one in others}
    return known or NAME.fullmatch(named) is None
