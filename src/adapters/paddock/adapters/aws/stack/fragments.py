"""The fragments of the template: hand-written CloudFormation in YAML, its short tags, and what is filled in.

``{word}`` in a fragment is filled in as the template is rendered, in keys too; a text that is nothing else becomes the
value itself, whatever that is. ``${Word}`` is CloudFormation's own and stays.
"""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import yaml

_WORD: Final = re.compile(r"(?<!\$)\{([A-Za-z][\w-]*)\}")  # within ${…} too: ${Zone{n}}
_LONG: Final = {"Ref": "Ref", "Sub": "Fn::Sub", "If": "Fn::If", "Equals": "Fn::Equals", "Not": "Fn::Not"}
_SECTIONS: Final = ("Parameters", "Conditions", "Resources", "Outputs")

Template = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads the short tags of CloudFormation as what they stand for."""


def _scalar(name: str) -> Any:  # noqa: ANN401 - a constructor of PyYAML's, which has no types for them
    def made(loader: _Loader, node: yaml.Node) -> dict[str, Any]:
        if isinstance(node, yaml.ScalarNode):
            return {name: loader.construct_scalar(node)}
        assert isinstance(node, yaml.SequenceNode)
        return {name: loader.construct_sequence(node, deep=True)}

    return made


def _attribute(loader: _Loader, node: yaml.Node) -> dict[str, Any]:
    assert isinstance(node, yaml.ScalarNode)
    return {"Fn::GetAtt": str(loader.construct_scalar(node)).split(".", 1)}


for _short, _name in _LONG.items():
    _Loader.add_constructor(f"!{_short}", _scalar(_name))
_Loader.add_constructor("!GetAtt", _attribute)


def fragment(name: str, words: Mapping[str, Any] | None = None) -> Template:
    """A fragment by its file's name, filled in.

    Raises:
        KeyError: it has a word that is not given.
    """
    text = files("paddock.adapters.aws.stack").joinpath("template", f"{name}.yml").read_text(encoding="utf-8")
    read = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader, and the text is ours
    filled: Template = fill(read, words or {})
    return filled


def fill(value: Any, words: Mapping[str, Any]) -> Any:  # noqa: ANN401 - plain data of any shape
    """The data with its words filled in."""
    if isinstance(value, str):
        whole = _WORD.fullmatch(value)
        if whole:
            return words[whole[1]]
        return _WORD.sub(lambda found: str(words[found[1]]), value)
    if isinstance(value, Mapping):
        return {fill(key, words): fill(inner, words) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, words) for inner in value]
    return value


def merged(*parts: Mapping[str, Any]) -> Template:
    """One template of several, each section in the order of the parts.

    Raises:
        ValueError: two parts have the same name in a section, or one has a section that there is not.
    """
    whole: Template = {section: {} for section in _SECTIONS}
    for part in parts:
        for section, named in part.items():
            twice = set(whole.get(section, {})) & set(named)
            if section not in whole or twice:
                raise ValueError(f"{section}: {', '.join(sorted(twice)) or 'no section of a fragment'}")
            whole[section].update(named)
    return whole
