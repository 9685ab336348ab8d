"""Which names the reference has, and what numpydoc finds wrong with what they say of themselves.

``python docs/_ext/docstrings.py`` validates them by the checks of ``pyproject.toml``, methods too.
"""

import re
import sys
import tomllib
from dataclasses import is_dataclass
from importlib import import_module
from inspect import isclass, isfunction
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def reference():
    """Names in the tables of the reference's pages, each where it is imported from."""
    listed = []
    for page in sorted((REPOSITORY / "docs" / "api").glob("*.rst")):
        module, is_table = None, False
        for line in page.read_text(encoding="utf-8").splitlines():
            if directive := re.match(r"\.\. (\w+):: ?(\S*)", line):
                is_table = directive[1] == "autosummary"
                if directive[1] == "currentmodule":
                    module = directive[2]
            elif is_table and re.match(r"   \w", line):
                listed.append(f"{module}.{line.strip()}")
    return listed


def value_of(name):
    """Give what a name of the reference stands for."""
    module, _, last = name.rpartition(".")
    return getattr(import_module(module), last)


def faults():
    """Find what is wrong, as (name, code, sentence) of each."""
    from numpydoc.validate import validate

    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    left_out = set(settings["tool"]["numpydoc_validation"]["checks"]) - {"all"}
    made = []
    for name in reference():
        value = value_of(name)
        if not callable(value):
            continue
        # results, which nobody makes by hand, say what they have under Attributes
        is_result = is_dataclass(value) or (isclass(value) and issubclass(value, tuple))
        excused = {name: {"PR01", "PR02"} if is_result else set()}
        for method, function in vars(value).items() if isclass(value) else ():
            if isfunction(function) and not method.startswith("_") and function.__doc__:
                # what one sentence can say needs no sections
                is_short = "\n\n" not in function.__doc__
                excused[f"{name}.{method}"] = {"PR01", "RT01"} if is_short else set()
        for each, without in excused.items():
            errors = validate(each)["errors"]
            made += [(each, *error) for error in errors if error[0] not in left_out | without]
    return made


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    found = faults()
    for name, code, sentence in found:
        print(f"{name}: {code} {sentence}", file=sys.stderr)
    sys.exit(bool(found))
