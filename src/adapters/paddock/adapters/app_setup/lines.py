"""An App's lines in paddock.yml: to be printed, or put into a file in which nothing else is changed."""

from collections.abc import Mapping

import yaml

Path = tuple[str, ...]


def lines(values: Mapping[Path, str]) -> str:
    """The values (YAML by the path of its key, neighbours together) as the lines of a paddock.yml."""
    text: list[str] = []
    open_: Path = ()
    for path, value in values.items():
        closed = [depth for depth in range(len(path) - 1) if path[: depth + 1] != open_[: depth + 1]]
        text += [f"{'  ' * depth}{path[depth]}:" for depth in closed]
        open_ = path[:-1]
        text.append(f"{'  ' * len(open_)}{path[-1]}: {value}")
    return "\n".join(text) + "\n"


def edited(text: str, values: Mapping[Path, str]) -> str | None:
    """The text with these values in the place of what stands there; all else, comments too, stays as it is.

    None if one of the keys is not there, or the text is no YAML: then somebody has to do it by hand.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    spans: list[tuple[int, int, str]] = []
    for path, value in values.items():
        node = _at(root, path)
        if node is None or node.start_mark.index == node.end_mark.index:
            return None
        start, end = node.start_mark.index, node.end_mark.index
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and "#" in text[start:end]:
            return None  # a block ends where the next thing begins: there may be a comment in between
        spans.append((start, end, value))
    for start, end, value in sorted(spans, reverse=True):
        old = text[start:end]
        text = f"{text[:start]}{value}{old[len(old.rstrip()) :]}{text[end:]}"
    return text


def _at(node: yaml.Node | None, path: Path) -> yaml.Node | None:
    for step in path:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for key, value in node.value if key.value == step), None)
    return node
