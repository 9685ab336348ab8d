"""Brings the notebooks into the site, as they were run where they were, or without outputs."""

import shutil
from pathlib import Path

HERE = Path(__file__).parents[1]


def bring(app):
    """Copy the notebooks to where Sphinx reads, as they are or as they were run."""
    target = HERE / "notebooks"
    target.mkdir(exist_ok=True)
    names = {path.name for path in (HERE.parent / "notebooks").glob("*.ipynb")}
    for path in target.glob("*.ipynb"):
        if path.name not in names:
            path.unlink()
    for name in names:
        shutil.copyfile(HERE.parent / "notebooks" / name, target / name)


def setup(app):
    """Register the copying (Sphinx calls this)."""
    app.connect("builder-inited", bring, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
