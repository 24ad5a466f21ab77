"""Plain data written as YAML that reads the same under YAML 1.1 and 1.2."""

from typing import Any

import yaml

from parnet_zoo.recipe.scalars import resolve_scalar


class _Dumper(yaml.SafeDumper):
    """PyYAML's, with lists on one line and every text quoted that could mean something else."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # PyYAML quotes what YAML 1.1 takes for numbers and truth values; 1.2 has others, such as 1e-3.
    # Its other styles lose line ends that are not "\\n", such as U+0085.
    plain = text.isprintable() and isinstance(resolve_scalar(text), str)
    style = None if plain else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)


def yaml_text(data: dict[str, Any]) -> str:
    """Write nested dicts, lists and scalars as YAML, in the order they have."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def yaml_value(value: Any) -> str:
    """Write one value on one line, as it would stand after its key."""
    if isinstance(value, dict):
        inside = ", ".join(
            f"{yaml_value(key)}: {yaml_value(inner)}" for key, inner in value.items()
        )
        return f"{{{inside}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(yaml_value, value))}]"
    written = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, width=float("inf"))
    return written.removesuffix("\n").removesuffix("\n...")
