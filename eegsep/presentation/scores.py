"""What a page shows of a benchmark or an ablation: data, scores beside chance, maps, cost."""

from __future__ import annotations

import pandas as pd

from eegsep._utils.columns import write
from eegsep._utils.logs import join_ranges
from eegsep.datasets.selection import Recordings, say_bands, say_reference
from eegsep.statistics import subject_table
from eegsep.studies.ablation import where_it_pays
from eegsep.studies.learning_curve import at_largest_size
from eegsep.studies.learning_curve import learning_curve as compare_at_each

from . import figures
from .html import (
    add_figure,
    make_note,
    make_table,
    say_span,
    show,
    table_of,
    title_of,
)
from .tables import (
    layers,
    learning_curve,
    means,
    say_evaluation,
    subjects_of,
    typical_chance,
    variant_costs,
)

_EVALUATIONS = {
    "WithinSession": "five stratified folds in each session",
    "CrossSession": "trained on the subject's other sessions, tested on one",
    "CrossSubject": "trained on all other subjects, tested on one",
    "Transfer": "trained on all other subjects, then on the first trials of one, as many of each "
    "class, tested on all its others; fine-tuned in that order, pooled: fitted to both at once",
    "LearningCurve": "trained on so many trials of a session, as many of each class, drawn five "
    "times, each time tested on the same fifth",
}


def add_data(page, scores, run):
    """Add which recordings were read, and how they became trials."""
    rows = []
    # a variant of the network is a pipeline too
    scores = scores.rename(columns={"variant": "pipeline"})
    for dataset, part in scores.groupby("dataset", sort=False):
        n_trials = subject_table(part).drop_duplicates("subject")["n_trials"]
        rows.append(
            [
                dataset,
                join_ranges(run["datasets"][dataset]),
                say_span(part.groupby("subject")["session"].nunique()),
                say_span(n_trials),
                f"{part['n_classes'].iloc[0]:.0f}",
                say_span(part["channels"]),
            ]
        )
    headings = ["dataset", "subjects", "sessions", "trials tested", "classes", "channels"]
    note = f"{Recordings.of_run(run)}. Sessions and trials of a subject."
    where = {"tags": "data", "section": "Data"}
    page.add_html(make_table(headings, rows) + make_note(note), "Recordings", **where)
    rows = preprocessing(run)
    rows.append(("evaluation", f"{say_evaluation(run)}: {_EVALUATIONS.get(run['evaluation'], '')}"))
    page.add_html(make_table(None, rows), "Preprocessing", **where)


def preprocessing(run):
    """List what a paradigm did to the recordings."""
    rate = "as recorded" if run["resample_hz"] is None else f"{run['resample_hz']:g} Hz"
    # a folder of an older version has no record of these two
    channels, reference = run.get("channels"), run.get("eeg_reference")
    missing = run.get("missing_channels", "error")
    return [
        ("paradigm", run["paradigm"]),
        ("pass band", say_bands(run["bands_hz"])),
        ("window", _say_window(run)),
        ("sampling rate", rate),
        *([("channels", ", ".join(channels))] if channels else []),
        *([("missing channels", missing)] if missing != "error" else []),
        *([("folds", "one for each run")] if run.get("groups") else []),
        *([("reference", say_reference(reference))] if reference else []),
    ]


def _say_window(run):
    """Say when trials begin and end: after the marker, where all datasets' own trials are alike."""
    start, end = run["tmin_s"] or 0, run["tmax_s"]
    trials = {tuple(each) for each in run.get("trials_s", {}).values()}
    if len(trials) == 1:
        ((first, last),) = trials
        return f"{first + start:g} to {last if end is None else first + end:g} s after the marker"
    end = "the end of the dataset's own trial" if end is None else f"{end:g} s"
    return f"{start:g} s to {end}"


def add_means(page, table, subjects, run):
    """Add means, with what chance is."""
    for dataset, each in means(table, subjects, run).items():
        title = title_of("Means", dataset, table)
        page.add_html(show(each), title, tags="scores", section="Scores")


def add_scores(page, scores, summary, run):
    """Add means, pictures and scores of subjects."""
    subjects = subjects_of(scores)
    add_means(page, summary, subjects, run)
    figure = figures.plot_scores(at_largest_size(scores), summary)
    for ax, dataset in zip(figure.axes, dict.fromkeys(summary["dataset"]), strict=True):
        low, high = typical_chance(subjects[subjects["dataset"] == dataset])
        if low == low:
            ax.axvspan(low, high, color="#999999", alpha=0.15, lw=0, zorder=-1)
    add_figure(
        page,
        figure,
        "Each subject's scores",
        caption="A dot a subject, joined across pipelines; bars are means. Grey: 95 % of the "
        "scores that a subject would have by chance, at the median number of trials.",
        tags="scores",
        section="Scores",
    )
    if "n_train" in scores:
        curve = compare_at_each(scores)
        figure, title = figures.plot_learning_curves(curve), "Scores over the number of trials"
        add_figure(page, figure, title, tags="scores", section="Scores")
        for dataset, part in curve.groupby("dataset", sort=False):
            title = title_of("Learning curves", dataset, curve)
            page.add_html(show(learning_curve(part, [])), title, tags="scores", section="Scores")
    _add_subjects(page, subjects)


def _add_subjects(page, subjects):
    for dataset, part in subjects.groupby("dataset", sort=False):
        title = title_of("Scores of subjects", dataset, subjects)
        page.add_html(_subject_rows(part), title, tags="subjects", section="Subjects")


def _subject_rows(subjects):
    names = list(dict.fromkeys(subjects["pipeline"]))
    rows, strong = [], set()
    for _, part in subjects.groupby("subject", sort=False):
        scores = part.set_index("pipeline")["score"].reindex(names)
        row = part.iloc[0].to_dict() | {f"at {k}": score for k, score in enumerate(scores)}
        above = enumerate(scores > row["chance_high"], 1)
        strong |= {(len(rows), column) for column, is_above in above if is_above}
        rows.append(row)
    columns = ["subject", *(("", f"{{at {k}!c:.1f}}") for k in range(len(names))), "n_trials"]
    cells = write(rows, [*columns, ("", "{chance_low} to {chance_high}")])
    table = make_table(["subject", *names, "trials", "95 % of chance"], cells, strong)
    note = "Scores × 100. Bold: above the interval of chance. Sessions and seeds are averaged."
    return table + make_note(note)


def add_costs(page, summary, inspection):
    """Add times of fits, and the cost of the network of the maps."""
    where = {"tags": "cost", "section": "Cost"}
    for dataset, part in summary.groupby("dataset", sort=False):
        table = table_of(["pipeline", "time"], part.to_dict("records"))
        title = title_of("Time", dataset, summary)
        note = make_note("Mean over folds, on the machine of the benchmark whatever else it did.")
        page.add_html(table + note, title, **where)
    if inspection is not None:
        note = "The network of the maps, for one trial in the published order, time before "
        page.add_html(show(layers(inspection.costs, note=note + "electrodes.")), "Network", **where)


def add_ablation(page, scores, table, run, folder):
    """Add what each variant gains or loses, and what it costs."""
    subjects = subjects_of(scores)
    # an earlier run's pictures may lie in the folder too
    pictures = {"ablation": "What each variant gains or loses, and what it costs"}
    if run["learning_curve"]:
        pictures["learning_curve"] = "Scores over the number of training trials"
    if run["separability"]:
        pictures["separability"] = "Scores and the separability of the trials"
    add_means(page, table, subjects, run)
    for name, title in pictures.items():
        if (folder / f"{name}.png").exists():
            page.add_image(folder / f"{name}.png", title, tags="scores", section="Scores")
    if run["learning_curve"] and (folder / "learning_curve.csv").exists():
        curve = pd.read_csv(folder / "learning_curve.csv")
        for dataset, part in curve.groupby("dataset", sort=False):
            title = title_of("Learning curves", dataset, curve)
            table_ = show(learning_curve(part, where_it_pays(part)))
            page.add_html(table_, title, tags="scores", section="Scores")
    _add_subjects(page, subjects)
    for dataset, part in table.groupby("dataset", sort=False):
        title = title_of("Variants", dataset, table)
        page.add_html(show(variant_costs(part)), title, tags="cost", section="Cost")
