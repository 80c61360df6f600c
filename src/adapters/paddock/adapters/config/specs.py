"""Specs of machines, as the file has them: the keys of labels, and read by the very parser of labels."""

from collections.abc import Mapping

from paddock.adapters.config.problems import Path, shown
from paddock.adapters.config.sound import SoundTree
from paddock.core.catalogue import fitting, widening
from paddock.core.errors import InvalidInput
from paddock.core.labels import parse_labels
from paddock.core.spec import RunnerSpec


def named_specs(tree: SoundTree) -> dict[str, RunnerSpec]:
    """The named specs that are right."""
    found: dict[str, RunnerSpec] = {}
    for name in tree.names("runners", meaning="labels"):
        spec = spec_at(tree, ("runners", name), {}) if tree.sound("runners", name) else None
        if spec is None:
            continue
        if not fitting(spec):
            tree.refuse(("runners", name), str(spec), f"fits no instance type: {widening(spec)}", at_key=True)
        found[name] = spec
    return found


def spec_at(tree: SoundTree, path: Path, specs: Mapping[str, RunnerSpec]) -> RunnerSpec | None:
    """The spec at the path, which the schema has nothing against; None if it is wrong.

    It is read key by key first, for the place of an error, then whole. `specs` are those that it may begin with.
    """
    elements: list[str] = []
    wrong = False
    keys = tree.get(*path)
    for key, value in keys.items():
        element = f"{key}={_label_text(value)}"
        try:
            parse_labels(["paddock", element], specs)
        except InvalidInput as error:
            wrong = True
            if key != "runner" or not_there(tree, "runners", value):
                tree.refuse((*path, key), shown(value), error.remedy)
        elements.append(element)
    if wrong:
        return None
    try:
        return parse_labels(["paddock", *elements], specs)
    except InvalidInput as error:
        field = (error.field,) if error.field in keys else ()
        tree.refuse((*path, *field), str(error.value) if field else "", error.remedy, at_key=not field)
        return None


def not_there(tree: SoundTree, section: str, name: str) -> bool:
    """True unless the section has this name: what is there and wrong itself is told about where it stands."""
    return name.casefold() not in {known.casefold() for known in tree.mapping(section)}


def _label_text(value: object) -> str:
    """A value as it would stand in a label."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
