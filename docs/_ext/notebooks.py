"""Brings the notebooks into the site, as they were run where they were, or without outputs."""

import json
import shutil
from pathlib import Path

DOCS = Path(__file__).parents[1]
KEPT = DOCS.parent / "notebooks"
# Where `make notebooks` leaves them with their outputs.
RUN = DOCS.parent / "results" / "notebooks"


def bring(app):
    """Copy the notebooks to where Sphinx reads; what was run of other cells is not taken."""
    target = DOCS / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for path in KEPT.glob("*.ipynb"):
        run = RUN / path.name
        is_same = run.exists() and _sources(run) == _sources(path)
        shutil.copy2(run if is_same else path, target)


def _sources(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells]


def setup(app):
    """Register the copying (Sphinx calls this)."""
    app.connect("builder-inited", bring, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
