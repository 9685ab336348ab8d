"""Notebooks are kept without output, as text whose diffs can be read, and run from end to end."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NAMES = [
    "01_first_decode",
    "02_cross_validation_and_grid_search",
    "03_scalp_maps",
    "04_separability",
    "05_your_own_recording",
    "06_a_study_of_ones_own",
    "07_separable_convolutions",
    "08_p300",
    "09_ssvep",
    "10_transfer",
    "11_online",
]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def read(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def execute(notebook, folder):
    """Run all cells in a folder of their own; a cell's error is raised."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()


def printed(notebook):
    """All text that the cells printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def pictures(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output for output in outputs if "image/png" in output.get("data", {})]


def test_every_notebook_is_tested():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_kept_without_output_in_canonical_form(name):
    text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.metadata
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert re.fullmatch(r"[a-z0-9-]{1,24}", cell.id)
    assert notebook.metadata == METADATA
    assert text == nbformat.writes(notebook) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_notebook_begins_with_what_one_will_learn(name):
    first = read(name).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert re.search(r"In this\snotebook you\n\n- ", first.source)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_from_end_to_end(name, tmp_path, monkeypatch):
    monkeypatch.setenv("EEGSEP_DATA", str(tmp_path))  # nothing is there: all is simulated
    notebook = read(name)
    execute(notebook, tmp_path)
    assert pictures(notebook)
    assert (tmp_path / "results" / "recording.html").exists() == (name == "05_your_own_recording")


def test_real_recording_is_found_and_read(tmp_path, monkeypatch, data_dir):
    monkeypatch.setenv("EEGSEP_DATA", str(data_dir))
    notebook = read("05_your_own_recording")
    ids = [cell.id for cell in notebook.cells]
    del notebook.cells[ids.index("simple-text") :]  # from there on it does not matter whose it is
    execute(notebook, tmp_path)
    assert "reading S001R04.edf S001R08.edf S001R12.edf" in printed(notebook)
    assert "trials, electrodes, samples: (45, 64, 385)" in printed(notebook)
