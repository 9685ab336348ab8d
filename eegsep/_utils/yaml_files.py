"""YAML files as data: texts, numbers, lists and mappings, no more of them than a person writes.

What a file stands for is counted before anything is made of it.
"""

from __future__ import annotations

from collections import Counter

import yaml

# Files for people are small; a few bytes with aliases of aliases can stand for billions of values,
# and PyYAML takes minutes to read a number of a hundred thousand sexagesimal digits.
_MOST_BYTES, _MOST_VALUES, _MOST_CHARACTERS = 2**20, 10_000, 10_000


def read_yaml(file, loader=yaml.SafeLoader):
    """Read a YAML file (pathlib.Path); with ``yaml.BaseLoader`` every value is a text.

    It is a ValueError if it cannot be read, is no YAML, is too large, or has a key twice. What is
    wrong is said of the file, whose name is to be written before it.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ValueError(f"cannot be read ({error.strerror})") from error
    if len(content) > _MOST_BYTES:
        raise ValueError(f"is larger than {_MOST_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("is not UTF-8: save it in that encoding") from error
    try:
        # aliases are followed in the second step only
        _check_nodes(yaml.compose(text, loader))
        return yaml.load(text, loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        what = getattr(error, "problem", None) or "it cannot be parsed"
        hint = "write key: value, with quotes around texts that have any of : # [ ] { } * &"
        raise ValueError(f"is no YAML{where} ({what}): {hint}") from error
    except RecursionError as error:
        raise ValueError("is no YAML (its values are nested too deeply)") from error


def _check_nodes(root):
    """Refuse a document of too many values, aliases written out, or of a key that comes twice."""
    nodes, n_values = [root] if root is not None else [], 0
    while nodes:
        node = nodes.pop()
        n_values += 1
        if n_values + len(nodes) > _MOST_VALUES:
            raise ValueError(f"stands for more than {_MOST_VALUES:,} values")
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
            # which YAML forbids, and of which PyYAML takes the last
            keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
            twice = [key for key, n in Counter(keys).items() if n > 1]
            if twice:
                raise ValueError(f"has {', '.join(twice)} twice: keep one")
        elif len(node.value) > _MOST_CHARACTERS:
            raise ValueError(f"has a value of more than {_MOST_CHARACTERS:,} characters")
