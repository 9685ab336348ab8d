"""All areas of the table, and the table as a page: ``python -m tests.bad_input docs/bad_input.md``.

Each outcome of the page is what came out when it was written.
"""

import tempfile
from collections import Counter
from pathlib import Path

from . import (  # noqa: F401
    commands,
    deployed,
    descriptions,
    folders,
    inspections,
    models,
    networks,
    parameters,
    recordings,
    scores,
    steps,
    stores,
    targets,
    trials,
)
from .table import AREAS, Refused, Same

CASES = [(area, case) for area in AREAS for case in area.cases]

HEAD = """# Bad input, and what comes of it

Each row is a kind of input with which something is wrong, and what came out when this page was
written. There are {n} kinds: {refused} are refused, by one exception of a documented type or, of a
command, by one line and the exit status 2; {same} give the answer of the equivalent clean input, to
the bit unless rounding must differ; {told} give an answer and a warning. None is silent, and none
leaves anything half done: a classifier that refuses a fit is what it was before, and a refused
command has written nothing. The rows are tests too, in `tests/bad_input`, of which
`python -m tests.bad_input docs/bad_input.md` writes this page.
"""


def write_page(file):
    """Run all cases and write what came out."""
    lines, kinds = [], Counter(type(case.outcome) for _, case in CASES)
    for area in AREAS:
        lines += [
            "",
            f"## {area.title} ({len(area.cases)})",
            "",
            "| input | outcome |",
            "| --- | --- |",
        ]
        for case in area.cases:
            with tempfile.TemporaryDirectory() as folder:
                said = area.check(case, Path(folder))
            lines.append(f"| {_cell(case.name)} | {_cell(said)} |")
    numbers = {"refused": kinds[Refused], "same": kinds[Same]}
    numbers["told"] = len(CASES) - sum(numbers.values())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        HEAD.format(n=f"{len(CASES):,}", **numbers) + "\n".join(lines) + "\n", encoding="utf-8"
    )


def _cell(text, longest=300):
    text = text if len(text) <= longest else f"{text[:longest]} …"
    for character in "\\|<>*_[]{}$#":
        text = text.replace(character, f"\\{character}")
    return text.replace("\0", "\\\\0")
