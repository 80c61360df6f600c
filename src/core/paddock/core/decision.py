"""Decisions: what was decided about a subject, by whom, and why. `explain` prints them."""

from collections.abc import Mapping

import attrs

from paddock.core.units import Moment

Fact = str | int | bool | None


@attrs.frozen
class Decision:
    """One decision.

    ``subject`` is ``job:<id>``, ``machine:<id>``, ``delivery:<guid>``, ``circuit:<key>`` or ``letter:<digest>``.
    ``actor`` is the use-case that decided. ``verdict`` is a short, stable slug that scripts may match; ``reason`` is a
    sentence for people.
    """

    subject: str
    at: Moment
    actor: str
    verdict: str
    reason: str
    facts: Mapping[str, Fact] = attrs.field(factory=dict)
