"""The catalogue: what fits a request, cheapest first, and never a type that CI should not run on."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given

from paddock.core.catalogue import CATALOGUE, MIN_MEMORY_GIB, SPOT_SHARE, InstanceType, fitting, strange, widening
from paddock.core.spec import Arch, Market, Range, RunnerSpec
from tests.strategies import specs


@given(specs)
def test_what_fits_is_what_was_asked_for(spec: RunnerSpec) -> None:
    """Architecture, vCPU, memory and family of each type are within the request; what is left out misses one."""
    chosen = fitting(spec)
    for kind in CATALOGUE:
        suits = (
            kind.arch is spec.arch
            and kind.vcpu in spec.cpu
            and (spec.ram is None or kind.memory in spec.ram)
            and kind.memory >= MIN_MEMORY_GIB
            and (spec.families == () or any(fnmatchcase(kind.family, glob) for glob in spec.families))
        )
        assert (kind in chosen) is suits


@given(specs)
def test_the_cheapest_comes_first_on_either_market(spec: RunnerSpec) -> None:
    """In the order of price, and two calls agree to the last place."""
    chosen = fitting(spec)
    for market in Market:
        prices = [kind.price(market) for kind in chosen]
        assert prices == sorted(prices)
    assert fitting(spec, reversed(CATALOGUE)) == chosen


def test_the_bare_label_is_served_by_the_cheapest_two_vcpu_type() -> None:
    """``paddock`` means cpu 2, x64: at list price a c7i.large."""
    assert fitting(RunnerSpec())[0] == InstanceType("c7i.large", Arch.X64, 2, 4, 89_250)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (RunnerSpec(arch=Arch.ARM64), "c7g.large"),
        (RunnerSpec(cpu=Range(4, 8)), "c7i.xlarge"),
        (RunnerSpec(ram=Range(8)), "m7i.large"),
        (RunnerSpec(arch=Arch.ARM64, ram=Range(16, 16)), "r7g.large"),
        (RunnerSpec(families=("m8*",)), "m8i.large"),
        (RunnerSpec(families=("c?a",)), "c7a.large"),
        (RunnerSpec(cpu=Range(64, 128)), "c7i.16xlarge"),
    ],
)
def test_each_key_narrows_the_choice(spec: RunnerSpec, name: str) -> None:
    """Architecture, vCPU, memory and family lead to the type a person would pick from the price list."""
    assert fitting(spec)[0].name == name


@pytest.mark.parametrize(
    "spec",
    [
        RunnerSpec(cpu=Range(3, 3)),
        RunnerSpec(cpu=Range(128)),
        RunnerSpec(ram=Range(1_000)),
        RunnerSpec(families=("t3",)),
        RunnerSpec(families=("m7g",)),  # arm64 only, and the request is for x64
    ],
    ids=str,
)
def test_what_nothing_serves_is_empty(spec: RunnerSpec) -> None:
    """An impossible request is an empty answer, not the nearest guess."""
    assert fitting(spec) == ()


def test_a_machine_can_be_had_of_many_pools() -> None:
    """A spot machine is taken from one of types x zones: AWS advises to be flexible across ten types at least."""
    for arch in Arch:
        for cpu in (Range(2, 4), Range(4, 8), Range(8, 16), Range(16, 32)):
            assert len(fitting(RunnerSpec(cpu=cpu, arch=arch))) >= 10


@pytest.mark.parametrize(
    ("families", "unused", "words"),
    [
        (("t3",), ("t3",), "of x64 there are the families c7i, "),
        (("m7g", "t4g"), ("m7g", "t4g"), "of x64 there are the families c7i, "),
        (("c7a", "t3"), ("t3",), "widen cpu, ram or family"),
        ((), (), "widen cpu, ram or family"),
    ],
)
def test_families_that_there_are_not_are_told(families: tuple[str, ...], unused: tuple[str, ...], words: str) -> None:
    """If it is for the family alone that nothing fits, those that there are of that architecture are named."""
    spec = RunnerSpec(cpu=Range(800, 801), families=families)
    assert strange(spec) == unused
    assert fitting(spec) == ()
    assert widening(spec).startswith(words)
    assert "g" not in widening(spec).partition("families ")[2]


def test_sizes_of_a_family_cost_in_proportion() -> None:
    """EC2's prices double with the size; memory per vCPU stays."""
    for kind in CATALOGUE:
        smallest = next(other for other in CATALOGUE if other.family == kind.family)
        assert kind.on_demand * smallest.vcpu == smallest.on_demand * kind.vcpu
        assert kind.memory * smallest.vcpu == smallest.memory * kind.vcpu


def test_no_type_is_burstable_or_named_twice() -> None:
    """t-types slow down in the middle of a build; names are keys."""
    assert [kind.name for kind in CATALOGUE if kind.name.startswith("t")] == []
    assert len({kind.name for kind in CATALOGUE}) == len(CATALOGUE)
    for kind in CATALOGUE:
        assert kind.name.startswith(f"{kind.family}.")
        assert kind.memory >= MIN_MEMORY_GIB


def test_spot_costs_a_share_of_on_demand() -> None:
    """A whole number of micro-dollars, below on demand and above nothing."""
    for kind in CATALOGUE:
        assert kind.price(Market.ON_DEMAND) == kind.on_demand
        assert kind.price(Market.SPOT) == kind.on_demand * SPOT_SHARE // 100
        assert 0 < kind.price(Market.SPOT) < kind.on_demand
