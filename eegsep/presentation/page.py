"""A study as one HTML page that opens offline: data, scores beside chance, maps, cost, origin.

Made by mne.Report out of results, or out of the folder that a command wrote.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path

import mne
import pandas as pd

from eegsep._utils.errors import RequestError, in_a_line
from eegsep._utils.tables import written_aside
from eegsep.datasets.recordings import Failure, group_failures
from eegsep.statistics.checks import check_scores
from eegsep.studies.benchmark import BenchmarkResult
from eegsep.studies.inspected import DatasetInspection, Inspection
from eegsep.studies.inspected import load as load_inspection
from eegsep.studies.shards import shards_of

from . import figures
from .evidence import add_evidence
from .html import kind_of, make_note, make_table
from .inspection import add_inspection, add_maps
from .origin import add_origin
from .policy import restrict
from .scores import add_ablation, add_costs, add_data, add_scores

_STYLE = """
.eegsep td, .eegsep th { padding: 0.15rem 0.4rem; text-align: right; white-space: nowrap; }
.eegsep td:first-child, .eegsep th:first-child { text-align: left; padding-left: 0; }
.eegsep th { max-width: 7rem; white-space: normal; overflow-wrap: break-word; }
.eegsep.words td { text-align: left; white-space: normal; }
.eegsep.words td:first-child { white-space: nowrap; vertical-align: top; }
/* on a phone the contents are a line on top, rather than a column of syllables */
@media (max-width: 700px) {
  #toc { position: static !important; width: 100%; height: auto !important; padding: 0 !important; }
  #toc h5 { display: none; }
  #toc-navbar { flex-direction: row !important; flex-wrap: wrap; }
  #toc-navbar a { width: auto; padding: 0.2rem 0.5rem; word-break: normal !important; }
  #content { width: 100%; margin: 0.5rem 0 0; padding: 0; }
  #content .accordion-body { padding: 0.4rem; }
  .navbar-brand { white-space: normal; font-size: 1rem; overflow-wrap: anywhere; }
}
.eegsep { width: auto; font-size: 0.8rem; font-variant-numeric: tabular-nums; }
#content pre code { white-space: pre-wrap; }
.eegsep-note { max-width: 50rem; color: #555; }
"""


def report(source, output=None, *, inspection=None):
    """Write a study as an HTML page that needs nothing else and opens offline.

    Parameters
    ----------
    source : BenchmarkResult | Inspection | DatasetInspection | path-like
        Results of a benchmark or an inspection, or the output folder of ``eegsep benchmark``,
        ``eegsep ablate`` or ``eegsep inspect``.
    output : path-like | None
        The page; None for ``report.html`` in the folder.
    inspection : Inspection | None
        Of a subject of a benchmark, for maps and what to believe of them; None for the folder's
        ``maps``, where there is one.

    Returns
    -------
    file : pathlib.Path
        The page.

    Raises
    ------
    RequestError
        If the folder has no study in it, results come without ``output``, or the page cannot be
        written.
    TypeError
        If ``source`` is something else.

    Examples
    --------
    >>> from eegsep.datasets import SimulatedMotorImagery
    >>> from eegsep.presentation.page import report
    >>> from eegsep.studies.benchmark import benchmark
    >>> recordings = SimulatedMotorImagery(n_subjects=1, n_sessions=1, n_trials_per_class=6)
    >>> result = benchmark([recordings], pipelines="CSP+LDA", output="study")
    >>> report(result, "study/report.html").name
    'report.html'
    """
    if isinstance(source, (str, os.PathLike)):
        folder = Path(source)
        output = folder / "report.html" if output is None else output
        run = _read_run(folder)
        if kind_of(run) == "inspection":
            source = load_inspection(folder)
        else:
            scores, table, permutations = _read_tables(folder, run)
            if inspection is None and (folder / "maps" / "run.json").exists():
                inspection = load_inspection(folder / "maps")
    elif not isinstance(source, (BenchmarkResult, Inspection, DatasetInspection)):
        raise TypeError(
            "report takes a BenchmarkResult, an inspection or a folder with results, not a "
            f"{type(source).__name__}: save it to a folder, and give that"
        )
    elif output is None:
        raise RequestError("results are in no folder: say which file the page is to be.")
    else:
        run = source.run
        if isinstance(source, BenchmarkResult):
            scores, table = source.scores, source.summary
            permutations = source.permutations
    output, kind = Path(output), kind_of(run)
    with mne.use_log_level("error"), figures.settings():
        what = ", ".join(run.get("datasets", ["a recording"]))
        page = mne.Report(title=f"eegsep {kind}: {what}")
        page.add_custom_css(_STYLE)
        _add_failures(page, run)
        if kind == "inspection":
            add_inspection(page, source)
        elif kind == "ablation":
            add_data(page, scores, run)
            add_ablation(page, scores, table, run, folder)
        else:
            add_data(page, scores, run)
            add_scores(page, scores, table, run)
            add_evidence(page, scores, permutations)
            add_maps(page, inspection)
            add_costs(page, table, inspection)
        add_origin(page, run)
        with written_aside(output) as file:
            page.save(file, overwrite=True, open_browser=False)
            file.write_text(restrict(file.read_text(encoding="utf-8")), encoding="utf-8")
    return output


def _read_run(folder):
    with _reading(folder):
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if not isinstance(run, dict) or (kind_of(run) != "inspection" and "datasets" not in run):
            raise ValueError("run.json is no record of a study")
        return run


def _read_tables(folder, run):
    """Read a study's scores, its table of means, and p-values by permutation or None."""
    names = "scores", "ablation" if kind_of(run) == "ablation" else "summary"
    with _reading(folder):
        scores, table = (pd.read_csv(folder / f"{name}.csv") for name in names)
        part = "variant" if kind_of(run) == "ablation" else "pipeline"
        check_scores(scores, "dataset", part, "subject", "session")
        if kind_of(run) == "ablation" and "memory" not in table:
            raise ValueError(
                "ablation.csv is of a version that measured no memory: run `eegsep ablate` again, "
                "it keeps the scores"
            )
        permutations = None
        if run.get("permutations"):
            permutations = pd.read_csv(folder / "permutations.csv", dtype={"session": str})
        return scores, table, permutations


@contextmanager
def _reading(folder):
    """Say in a line what a study's folder lacks."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        shards = ", ".join(f"{number}/{n_shards}" for number, n_shards in shards_of(folder))
        if shards:
            raise RequestError(
                f"{folder} has a share of a study (shard {shards}) and no tables: merge all shares "
                "by `eegsep merge`, then ask for the study without --shard."
            ) from error
        raise RequestError(
            f"no {Path(error.filename).name} in {folder}: give the output folder of a finished "
            "`eegsep benchmark`, `eegsep ablate` or `eegsep inspect`."
        ) from error
    except (ValueError, RecursionError) as error:
        why = in_a_line(error)
        raise RequestError(f"cannot read the results in {folder} ({why}).") from error


def _add_failures(page, run):
    """Say first what is missing from all that follows."""
    failures = [Failure(**each) for each in run.get("failed", ())]
    if failures:
        note = "Where no session or pipeline is named, it is all of them."
        where = {"tags": "missing", "section": "What is missing"}
        page.add_html(
            make_table(None, group_failures(failures)) + make_note(note),
            "Left out, and why",
            **where,
        )
