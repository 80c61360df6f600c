"""What `runs-on` means, and what its author is told when it means nothing."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paddock.core.label_values import InvalidLabel
from paddock.core.labels import MAX_LABEL, NOT_BUILT_YET, claimed_by, parse_labels
from paddock.core.pools.pool import Pool
from paddock.core.settings import Alias
from paddock.core.spec import MAX_DISK_GIB, Arch, Range, RetryMode, RunnerSpec

SPECS = {"Big": RunnerSpec(cpu=Range(16, 32), ram=Range(64), disk=200)}
WEB = RunnerSpec(cpu=Range(4, 8), disk=80, image="jammy", spot=False, pool="Web")
POOLS = {"Web": Pool("Web", WEB, hot=2), "night": Pool("night", RunnerSpec(spot=False, pool="night"), stopped=1)}
ALIASES = (
    Alias("runs-on=*/cpu=4", "paddock/cpu=4"),
    Alias("arc-set", "paddock=x/arch=arm64"),
    Alias("warm-*", "paddock/pool=web"),
)
DEFAULT = RunnerSpec()

MEANINGS: list[tuple[tuple[str, ...], RunnerSpec]] = [
    (("paddock",), DEFAULT),
    (("PADDOCK",), DEFAULT),
    ((" paddock ",), DEFAULT),
    (("paddock=run-7",), DEFAULT),
    (("paddock/cpu=4",), RunnerSpec(cpu=Range(4, 8))),
    (("Paddock=salt/CPU=4/Arch=ARM64",), RunnerSpec(cpu=Range(4, 8), arch=Arch.ARM64)),
    (("paddock/cpu=2+16",), RunnerSpec(cpu=Range(2, 16))),
    (("paddock/ram=8",), RunnerSpec(ram=Range(8))),
    (("paddock/ram=8+8",), RunnerSpec(ram=Range(8, 8))),
    (("paddock/family=M7i+c7*",), RunnerSpec(families=("m7i", "c7*"))),
    (("paddock/spot=false/retry=false",), RunnerSpec(spot=False, retry=RetryMode.NEVER)),
    (("paddock/disk=100/image=ubuntu-24_04",), RunnerSpec(disk=100, image="ubuntu-24_04")),
    (("paddock/x-anything=1/x-anything=2",), DEFAULT),
    (("self-hosted", "linux", "paddock", "cpu=4", "arch=arm64"), RunnerSpec(cpu=Range(4, 8), arch=Arch.ARM64)),
    (("self-hosted", "Linux", "X64", "paddock"), DEFAULT),
    (("self-hosted", "Linux", "ARM64", "paddock/cpu=4"), RunnerSpec(cpu=Range(4, 8), arch=Arch.ARM64)),
    (("ARM64", "paddock/arch=arm64"), RunnerSpec(arch=Arch.ARM64)),
    (("x64", "paddock/pool=web"), attrs.evolve(WEB, spot=True)),
    (("cpu=4", "paddock/arch=arm64"), RunnerSpec(cpu=Range(4, 8), arch=Arch.ARM64)),
    (("paddock", "cpu=4/disk=80"), RunnerSpec(cpu=Range(4, 8), disk=80)),
    (("paddock/runner=big",), SPECS["Big"]),
    (("paddock/runner=big/disk=80",), RunnerSpec(cpu=Range(16, 32), ram=Range(64), disk=80)),
    (("runs-on=17/cpu=4",), RunnerSpec(cpu=Range(4, 8))),
    (("ARC-set",), RunnerSpec(arch=Arch.ARM64)),
    (("arc-set", "disk=80"), RunnerSpec(arch=Arch.ARM64, disk=80)),
    (("paddock/pool=Web",), attrs.evolve(WEB, spot=True)),
    (("PADDOCK/POOL=WEB",), attrs.evolve(WEB, spot=True)),
    (("paddock", "pool=web", "spot=false"), WEB),
    (("paddock/x-step=1/retry=false/pool=night",), RunnerSpec(pool="night", retry=RetryMode.NEVER)),
    (("self-hosted", "warm-7"), attrs.evolve(WEB, spot=True)),
    (("warm-7", "spot=false"), WEB),
]


@pytest.mark.parametrize(
    ("labels", "spec"), MEANINGS, ids=lambda value: "+".join(value) if type(value) is tuple else ""
)
def test_labels_mean_a_machine(labels: tuple[str, ...], spec: RunnerSpec) -> None:
    """One label or an array, any case, salt, named specs and aliases."""
    assert parse_labels(labels, SPECS, ALIASES, POOLS) == spec


ERRORS: list[tuple[tuple[str, ...], str, str]] = [
    (("ubuntu-latest",), "runs-on", "does not name Paddock: write paddock or paddock/cpu=4"),
    ((), "runs-on", "does not name Paddock"),
    (("paddock/" + "x" * 300,), "runs-on", f"has 308 characters, GitHub allows {MAX_LABEL}"),
    (("paddock/cpu=4,arch=arm64",), "runs-on", "holds a comma: separate keys with a slash, 'paddock/cpu=4/arch=arm64'"),
    (("paddock,cpu=4",), "runs-on", "holds a comma: separate keys with a slash, 'paddock/cpu=4'"),
    (("paddock", "Paddock/cpu=4"), "runs-on", "names paddock a second time: put all keys into one label"),
    (("paddock/cpu",), "runs-on", "is not of the form key=value, did you mean cpu=…?"),
    (("paddock", "windows"), "runs-on", "is not of the form key=value"),
    (("paddock", ""), "runs-on", "is not of the form key=value"),
    (("paddock/",), "runs-on", "has a slash too many: write paddock/key=value"),
    (("paddock//cpu=4",), "runs-on", "has a slash too many"),
    (("paddock", "cpu=4/"), "runs-on", "has a slash too many"),
    (
        ("paddock/family=c7i,m7i/cpu=4,8",),
        "runs-on",
        "holds a comma: separate keys with a slash, 'paddock/family=c7i+m7i/cpu=4+8'",
    ),
    (("paddock/arch=arm64", "X64"), "runs-on", "contradicts the others, which ask for arm64: leave it out"),
    (("paddock/pool=web", "ARM64"), "runs-on", "contradicts the others, which ask for x64"),
    (("paddock", "X64", "ARM64"), "runs-on", "contradicts the others, which ask for x64"),
    (("paddock/gpu=1",), "gpu", "is no key of ours, but of others: no machine with a GPU is offered"),
    (("paddock/volume=80gb",), "volume", "is no key of ours, but of others: write disk=<GiB>"),
    (("paddock/cpu=2+4+8",), "cpu", "has more than two bounds: write cpu=least+most"),
    (("paddock/ram=16GB",), "ram", "must be a whole number from 1 to 24576 (GiB)"),
    (
        ("paddock/family=c7i.large",),
        "family",
        "names a type: write its family, family=c7i, and its size by",
    ),
    (("paddock/cpu=",), "cpu", "is empty: write cpu=<value> or leave it out"),
    (("paddock/cpus=4",), "cpus", "is no key of ours; did you mean cpu=4?"),
    (("paddock/zzz=4",), "zzz", "is no key of ours: runner, pool, env, cpu, ram"),
    (("paddock/cpu=4/cpu=8",), "cpu", "is given twice (4 and 8): keep one"),
    (("paddock/cpu=4", "CPU=4"), "cpu", "is given twice (4 and 4): keep one"),
    (("paddock/cpu=0",), "cpu", "must be a whole number from 1 to 896"),
    (("paddock/cpu=four",), "cpu", "must be a whole number from 1 to 896"),
    (("paddock/cpu=٤",), "cpu", "must be a whole number from 1 to 896"),
    (("paddock/cpu=1.5",), "cpu", "must be a whole number from 1 to 896"),
    (("paddock/cpu=8+4",), "cpu", "is an empty range: write cpu=4+8"),
    (("paddock/ram=99999",), "ram", "must be a whole number from 1 to 24576"),
    (("paddock/disk=7",), "disk", f"must be a whole number from 8 to {MAX_DISK_GIB}"),
    (("paddock/family=m7i+",), "family", "must be EC2 families joined by +, such as m7i+c7i or c7*"),
    (("paddock/arch=amd64",), "arch", "must be x64 or arm64: write arch=x64"),
    (("paddock/arch=aarch64",), "arch", "must be x64 or arm64: write arch=arm64"),
    (("paddock/arch=riscv",), "arch", "must be x64 or arm64"),
    (("paddock/spot=no",), "spot", "must be true or false"),
    (("paddock/retry=always",), "retry", "must be when-interrupted or false"),
    (("paddock/image=a b",), "image", "must be letters, digits, - and _"),
    (("paddock/runner=bigg",), "runner", "is no runner of this fleet; did you mean big?"),
    (("paddock/runner=zzz",), "runner", "is no runner of this fleet: Big"),
    (("paddock/pool=wbe",), "pool", "is no pool of this fleet; did you mean web?"),
    (("paddock/pool=zzz",), "pool", "is no pool of this fleet: Web, night"),
    (("paddock/pool=web/pool=web",), "pool", "is given twice (web and web): keep one"),
    (("paddock/pool=",), "pool", "is empty: write pool=<value> or leave it out"),
    (("paddock/pools=web",), "pools", "is no key of ours; did you mean pool=web?"),
    (("paddock/pool",), "runs-on", "is not of the form key=value, did you mean pool=…?"),
    (("paddock/pool=web/spot=no",), "spot", "must be true or false"),
    (
        ("paddock/pool=web/disk=80",),
        "disk",
        "cannot stand beside pool=web, which says what the machine is: leave disk out, or leave pool out",
    ),
    (("paddock/cpu=four/pool=web",), "cpu", "cannot stand beside pool=web"),
    (("warm-7", "ram=8"), "ram", "cannot stand beside pool=web"),
    *(((f"paddock/{key}=x",), key, "is planned but not built yet: leave it out") for key in sorted(NOT_BUILT_YET)),
]


@pytest.mark.parametrize(("labels", "field", "remedy"), ERRORS, ids=lambda value: str(value)[:40])
def test_a_bad_label_says_what_to_write_instead(labels: tuple[str, ...], field: str, remedy: str) -> None:
    """Each mistake names its field, its value and the way out."""
    with pytest.raises(InvalidLabel) as caught:
        parse_labels(labels, SPECS, ALIASES, POOLS)
    assert caught.value.field == field
    assert caught.value.remedy.startswith(remedy)


def test_without_named_specs_the_error_says_so() -> None:
    """A fleet without specs, or pools, cannot suggest one."""
    with pytest.raises(InvalidLabel, match="is no runner of this fleet: none is configured"):
        parse_labels(("paddock/runner=big",))
    with pytest.raises(InvalidLabel, match="is no pool of this fleet: none is configured"):
        parse_labels(("paddock/pool=big",), SPECS, ALIASES)


def test_a_label_is_claimed_verbatim() -> None:
    """What is registered at GitHub is what the workflow wrote; our own mark goes before an alias."""
    assert claimed_by(("self-hosted", "PADDOCK=1/cpu=4")) == "PADDOCK=1/cpu=4"
    assert claimed_by(("arc-set", "paddock"), ALIASES) == "paddock"
    assert claimed_by(("Arc-Set",), ALIASES) == "Arc-Set"
    assert claimed_by(("paddocks", "my-paddock"), ALIASES) is None


PIECES = st.sampled_from(
    [
        "paddock",
        "PADDOCK",
        "/",
        "=",
        "+",
        ",",
        "cpu",
        "ram",
        "arch",
        "x64",
        "4",
        "0",
        "-",
        "x-",
        "runner",
        "big",
        "pool",
        "web",
        " ",
        "ß",
        "",
    ]
)
WORDS = st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=30)


@given(st.lists(WORDS, max_size=4))
def test_nothing_but_invalid_label_is_ever_raised(labels: list[str]) -> None:
    """Labels come from strangers: whatever they are, they mean a machine or are refused in words."""
    try:
        spec = parse_labels(labels, SPECS, ALIASES, POOLS)
    except InvalidLabel:
        pass
    else:
        assert claimed_by(labels, ALIASES) is not None
        assert spec.cpu.least >= 1


@st.composite
def written_specs(draw: st.DrawFn) -> tuple[RunnerSpec, list[str]]:
    """A machine, and the keys that ask for it in some order and case."""
    low = draw(st.integers(1, 400))
    high = draw(st.integers(low, 800))
    keys = {"cpu": f"{low}+{high}"}
    spec: dict[str, object] = {"cpu": Range(low, high)}
    if draw(st.booleans()):
        least = draw(st.integers(1, 1000))
        keys["ram"], spec["ram"] = str(least), Range(least)
    if draw(st.booleans()):
        families = tuple(draw(st.lists(st.sampled_from(["m7i", "c7*", "r8g"]), min_size=1, max_size=3, unique=True)))
        keys["family"], spec["families"] = "+".join(families), families
    arch, spot = draw(st.sampled_from(Arch)), draw(st.booleans())
    keys["arch"], spec["arch"] = arch.value, arch
    keys["spot"], spec["spot"] = str(spot).lower(), spot
    if draw(st.booleans()):
        disk = draw(st.integers(8, MAX_DISK_GIB))
        keys["disk"], spec["disk"] = str(disk), disk
    parts = [f"{key}={value}" for key, value in keys.items()]
    folded = [part.upper() if draw(st.booleans()) else part for part in draw(st.permutations(parts))]
    return RunnerSpec(**spec), folded  # type: ignore[arg-type]  # built field by field


@given(written_specs(), st.sampled_from(["paddock", "Paddock=1234-build"]), st.booleans())
def test_a_spec_written_down_is_read_back(written: tuple[RunnerSpec, list[str]], mark: str, array: bool) -> None:  # noqa: FBT001 - Hypothesis gives it
    """Order, case, salt and form change nothing."""
    spec, parts = written
    labels = [mark, *parts] if array else ["/".join([mark, *parts])]
    assert parse_labels(labels) == spec


MACHINE_KEYS = {
    "runner": "big",
    "cpu": "4",
    "ram": "8",
    "family": "m7i",
    "arch": "arm64",
    "image": "jammy",
    "disk": "80",
}


@st.composite
def labels_of_a_pool(draw: st.DrawFn, clashing: st.SearchStrategy[set[str]]) -> tuple[list[str], set[str], bool]:
    """Labels that name the pool `Web`, in some order, case and form; the machine keys among them, and what spot is."""
    chosen, spot = draw(clashing), draw(st.booleans())
    parts = ["pool=web", *(f"{key}={MACHINE_KEYS[key]}" for key in sorted(chosen)), f"spot={str(spot).lower()}"]
    parts += draw(st.lists(st.sampled_from(["x-step=1", "x-y=2"]), max_size=2))
    folded = [part.upper() if draw(st.booleans()) else part for part in draw(st.permutations(parts))]
    return (["paddock", *folded] if draw(st.booleans()) else ["/".join(["paddock=7", *folded])]), chosen, spot


@given(labels_of_a_pool(st.just(set())))
def test_a_pools_label_asks_for_the_pools_machine(written: tuple[list[str], set[str], bool]) -> None:
    """In any order, case and form; on spot unless it says otherwise, though the pool's own machines are on demand."""
    labels, _, spot = written
    assert parse_labels(labels, SPECS, ALIASES, POOLS) == attrs.evolve(WEB, spot=spot)


@given(labels_of_a_pool(st.sets(st.sampled_from(sorted(MACHINE_KEYS)), min_size=1)))
def test_no_key_of_a_machine_stands_beside_a_pool(written: tuple[list[str], set[str], bool]) -> None:
    """In any order: the error names one of them, and tells to leave out all of them and no other."""
    labels, clashing, _ = written
    with pytest.raises(InvalidLabel) as caught:
        parse_labels(labels, SPECS, ALIASES, POOLS)
    assert caught.value.field in clashing
    told = caught.value.remedy.partition(": leave ")[2].removesuffix(" out, or leave pool out")
    assert set(told.split(" and ")) == clashing


@given(st.sampled_from(list(POOLS)), st.data())
def test_a_pools_name_matches_in_any_case(name: str, data: st.DataObject) -> None:
    """As a runner's does; the spec has it as the configuration does."""
    written = "".join(data.draw(st.sampled_from([letter.upper(), letter.lower()])) for letter in name)
    assert parse_labels([f"paddock/pool={written}"], pools=POOLS).pool == name
