"""The meaning of ``runs-on``.

::

    paddock                                    cpu 2, x64, Linux, spot
    paddock/cpu=4/arch=arm64                   one label, keys separated by slashes
    paddock=<anything unique>/cpu=4            salt against siblings that would take the runner
    [paddock, cpu=4, arch=arm64]               the array form: the elements after the first are the same keys
    paddock/pool=web                           a machine that a pool keeps warm, or a new one like it
    paddock/env=dev                            served by the fleet of this name: see `routing`

GitHub would let a job with a label that nobody serves hang for a day, so whatever is wrong here is said at once, with
the field, the value and what to write instead. Labels match case-folded and are registered verbatim.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import attrs

from paddock.core.label_values import KEYS, InvalidLabel, name
from paddock.core.pools.pool import Pool
from paddock.core.settings import Alias
from paddock.core.spec import Arch, RunnerSpec

MARK = "paddock"
MAX_LABEL = 256
NOT_BUILT_YET = frozenset({"os", "region", "private", "ssh", "debug"})
HARMLESS = frozenset({"self-hosted", "linux"})  # workflows carry them from the days of static runners

ARCHITECTURES = {"x64": Arch.X64, "arm64": Arch.ARM64}
"""What GitHub itself gives a static runner beside ``self-hosted`` and ``linux``: it asks for that processor."""
ELSEWHERE = {
    "gpu": "no machine with a GPU is offered, leave it out",
    "volume": "write disk=<GiB>",
}
"""Keys of other runners' labels that are none of ours, and what to write."""


def claimed_by(labels: Sequence[str], aliases: Sequence[Alias] = ()) -> str | None:
    """The label by which these labels are ours, verbatim; None if they are somebody else's."""
    for label in labels:
        folded = label.strip().casefold()
        if _names_us(folded):
            return label
    for label in labels:
        if alias_of(label, aliases) is not None:
            return label
    return None


def parse_labels(
    labels: Sequence[str],
    specs: Mapping[str, RunnerSpec] | None = None,
    aliases: Sequence[Alias] = (),
    pools: Mapping[str, Pool] | None = None,
) -> RunnerSpec:
    """The machine that these labels ask for.

    Where they name a pool it is the pool's, and ``spot`` and ``retry`` are those of a machine that is launched because
    the pool has none to spare.

    Args:
        labels: the job's labels as GitHub sent them.
        specs: named specs that ``runner=`` may refer to.
        aliases: foreign labels and what they stand for.
        pools: the pools that ``pool=`` may refer to, by name.

    Raises:
        InvalidLabel: they are not ours, or a key is unknown, repeated, not built yet, has a bad value, or contradicts
            another.
    """
    machines = tuple((name, pool.spec) for name, pool in (pools or {}).items())
    return _parsed(tuple(labels), tuple((specs or {}).items()), tuple(aliases), machines)


@lru_cache(maxsize=1024)  # most jobs of a fleet bear one of few sets of labels
def _parsed(
    labels: tuple[str, ...],
    specs: tuple[tuple[str, RunnerSpec], ...],
    aliases: tuple[Alias, ...],
    pools: tuple[tuple[str, RunnerSpec], ...],
) -> RunnerSpec:
    mark = claimed_by(labels, aliases)
    if mark is None:
        raise InvalidLabel("runs-on", ", ".join(labels), f"does not name Paddock: write {MARK} or {MARK}/cpu=4")
    for label in labels:
        _check_label(label)
    alias = alias_of(mark, aliases)
    pairs = _pairs(alias.runs_on if alias is not None else mark)
    static = [label for label in labels if label.strip().casefold() in ARCHITECTURES]
    for label in labels:
        if label != mark and label not in static and label.strip().casefold() not in HARMLESS:
            pairs.extend(_element(label))
    spec = _spec(pairs, dict(specs), dict(pools))
    said = any(key in {"arch", "runner", "pool"} for key, _ in pairs)
    for label in static:
        arch = ARCHITECTURES[label.strip().casefold()]
        if said and arch is not spec.arch:
            raise InvalidLabel("runs-on", label, f"contradicts the others, which ask for {spec.arch}: leave it out")
        spec, said = attrs.evolve(spec, arch=arch), True
    return spec


def _names_us(folded: str) -> bool:
    """True for our mark and whatever is meant to begin with it; a comma is a mistake that must be told, not ignored."""
    return folded == MARK or folded.startswith((MARK + "/", MARK + "=", MARK + ","))


def alias_of(label: str, aliases: Iterable[Alias]) -> Alias | None:
    """The first alias that stands for the label."""
    folded = label.strip().casefold()
    return next((alias for alias in aliases if fnmatchcase(folded, alias.match.casefold())), None)


def _check_label(label: str) -> None:
    if len(label) > MAX_LABEL:
        raise InvalidLabel("runs-on", label[:40] + "…", f"has {len(label)} characters, GitHub allows {MAX_LABEL}")
    if "," in label:
        first, *rest = label.split(",")
        parts = (f"/{part.strip()}" if "=" in part.partition("/")[0] else f"+{part.strip()}" for part in rest)
        raise InvalidLabel("runs-on", label, f"holds a comma: separate keys with a slash, {first + ''.join(parts)!r}")
    if "/" in label and "" in label.strip().split("/"):
        raise InvalidLabel("runs-on", label, "has a slash too many: write paddock/key=value/key=value")


def _pairs(label: str) -> list[tuple[str, str]]:
    """The keys of a compound label, without the mark and its salt."""
    _, *rest = label.strip().split("/")
    return [_pair(part) for part in rest]


def _element(label: str) -> list[tuple[str, str]]:
    """The keys of an element of the array form."""
    folded = label.strip().casefold()
    if _names_us(folded):
        raise InvalidLabel("runs-on", label, f"names {MARK} a second time: put all keys into one label")
    return [_pair(part) for part in label.strip().split("/")]


def _pair(part: str) -> tuple[str, str]:
    key, equals, value = part.partition("=")
    key = key.strip().casefold()
    if not equals:
        hint = _nearest(key, _KNOWN)
        raise InvalidLabel(
            "runs-on", part, f"is not of the form key=value{f', did you mean {hint}=…?' if hint else ''}"
        )
    if not value.strip():
        raise InvalidLabel(key, value, f"is empty: write {key}=<value> or leave it out")
    return key, value.strip()


def _spec(
    pairs: Sequence[tuple[str, str]], specs: Mapping[str, RunnerSpec], pools: Mapping[str, RunnerSpec]
) -> RunnerSpec:
    seen = _seen(pairs)
    base = _base(seen, specs, pools)
    changes: dict[str, Any] = {}
    for key, value in seen.items():
        if key in KEYS:
            field, read = KEYS[key]
            changes[field] = read(key, value)
    return attrs.evolve(base, **changes)


def _seen(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Each key with its value; all of them are keys of ours, and none is there twice."""
    seen: dict[str, str] = {}
    for key, value in pairs:
        if key.startswith("x-"):
            continue
        if key in NOT_BUILT_YET:
            raise InvalidLabel(key, value, "is planned but not built yet: leave it out")
        if key in ELSEWHERE:
            raise InvalidLabel(key, value, f"is no key of ours, but of others: {ELSEWHERE[key]}")
        if key not in _KNOWN:
            hint = _nearest(key, _KNOWN)
            known = ", ".join(_KNOWN)
            raise InvalidLabel(
                key,
                value,
                f"is no key of ours; did you mean {hint}={value}?" if hint else f"is no key of ours: {known}",
            )
        if key == "env":
            name(key, value)
        if key in seen:
            raise InvalidLabel(key, value, f"is given twice ({seen[key]} and {value}): keep one")
        seen[key] = value
    return seen


def _base(seen: Mapping[str, str], specs: Mapping[str, RunnerSpec], pools: Mapping[str, RunnerSpec]) -> RunnerSpec:
    """The spec that the keys change."""
    if "pool" in seen:
        name, clashing = seen["pool"], [key for key in _MACHINE if key in seen]
        if clashing:
            raise InvalidLabel(
                clashing[0],
                seen[clashing[0]],
                f"cannot stand beside pool={name}, which says what the machine is: "
                f"leave {' and '.join(clashing)} out, or leave pool out",
            )
        # A pool's own machines are on demand; what the job is to have where there is none is for its labels to say.
        usual = RunnerSpec()
        return attrs.evolve(_named("pool", name, pools), spot=usual.spot, retry=usual.retry)
    return _named("runner", seen["runner"], specs) if "runner" in seen else RunnerSpec()


def _named(key: str, name: str, specs: Mapping[str, RunnerSpec]) -> RunnerSpec:
    """The spec of the runner or the pool of this name."""
    folded = {known.casefold(): spec for known, spec in specs.items()}
    if name.casefold() not in folded:
        hint = _nearest(name.casefold(), folded)
        known = ", ".join(sorted(specs)) or "none is configured"
        raise InvalidLabel(
            key,
            name,
            f"is no {key} of this fleet; did you mean {hint}?" if hint else f"is no {key} of this fleet: {known}",
        )
    return folded[name.casefold()]


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)


_KNOWN = ("runner", "pool", "env", *KEYS)
_MACHINE = ("runner", *(key for key in KEYS if key not in {"spot", "retry"}))
"""What says which machine it is to be, and so contradicts a pool."""
