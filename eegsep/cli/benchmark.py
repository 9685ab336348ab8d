"""``eegsep benchmark``: pipelines side by side."""

from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.columns import against_reference
from eegsep.presentation.terminal import (
    as_document,
    dataset_heading,
    make_console,
    make_table,
    print_json,
    print_run,
    print_whole,
)

from .options import (
    Datasets,
    Evaluation,
    Groups,
    Jobs,
    Json,
    MaxEpochs,
    Output,
    Overwrite,
    Page,
    Seed,
    Trust,
    or_simulated,
    split_pipelines,
    with_recordings,
)
from .progress import Progress
from .refusals import end, in_one_line

# What it runs without a dataset: braindecode's networks would take as long again.
_DEMO_PIPELINES = ("EEGNet", "EEGNet-standard", "CSP+LDA", "TS+LR", "FgMDM")


@in_one_line()
@with_recordings
def benchmark(
    recordings,
    datasets: Datasets = None,
    evaluation: Evaluation = None,
    pipelines: Annotated[
        list[str] | None,
        typer.Option(
            help="Names with commas between, a YAML file, or a folder of them; may be given more "
            "than once (default: all that are shipped, without a "
            "dataset all but braindecode's).",
            show_default=False,
        ),
    ] = None,
    groups: Groups = None,
    n_jobs: Jobs = -1,
    seed: Seed = 42,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Train eegsep's networks with this many seeds on the same folds, and average. "
            "Everything else runs once.",
        ),
    ] = 1,
    max_epochs: MaxEpochs = None,
    trust: Trust = False,
    output: Output = Path("results/benchmark"),
    overwrite: Overwrite = False,
    page: Page = True,
    as_json: Json = False,
):
    """Compare pipelines on MOABB datasets: a table, pictures, and a page with all of it.

    Runs every pipeline on every subject under MOABB's evaluation and scoring. What cannot be
    scored is named, and the rest is: the exit status is 3 then, and 2 where nothing can be.
    """
    if pipelines is not None:
        pipelines = [name for item in pipelines for name in split_pipelines(item)]
    notes = []
    if not datasets and pipelines is None:
        pipelines = list(_DEMO_PIPELINES)
        notes.append(
            "braindecode's networks are left out here to save time; --pipelines adds them, as in "
            "--pipelines EEGNet,braindecode-EEGNet."
        )
    datasets, evaluation = or_simulated(datasets, evaluation)

    with Progress() as progress:
        progress.stage("loading libraries")
        from eegsep.studies.benchmark import benchmark as run
        from eegsep.studies.store import Store

        result = run(
            datasets,
            output=output,
            pipelines=pipelines,
            trust=trust,
            evaluation=evaluation,
            overwrite=overwrite,
            progress=progress,
            groups=groups,
            seed=seed,
            n_seeds=seeds,
            max_epochs=max_epochs,
            n_jobs=n_jobs,
            **recordings,
        )
        progress.stage("drawing")
        with Store(output, "benchmark") as store, store.turn("files"):
            files, more_notes = _write_benchmark(result, output, page)

    if as_json:
        print_json(as_document(result, files, "summary"))
    else:
        _print_benchmark(result, files, notes + more_notes)
    end(result.run)


def _write_benchmark(result, output, page):
    """Write tables, pictures and the page; return files by name, and what there is to be said."""
    from eegsep.presentation import figures

    files, notes = result.save(output), []
    files["scores_picture"] = output / "scores.png"
    with figures.settings():
        figure = figures.plot_scores(result.scores, result.summary)
        figures.save(figure, files["scores_picture"])
        drawn, note = _draw_maps(result, output)
    files |= drawn
    notes += note
    if page:
        from eegsep.presentation.page import report as write

        files["report"] = write(output)
    return files, notes


def _draw_maps(result, output):
    """Write maps and costs of a network that is fitted for it, or those of the same results before.

    Returns
    -------
    files : dict of pathlib.Path
    notes : list of str
        Why there are none.
    """
    from eegsep._utils.errors import RequestError
    from eegsep._utils.tables import written_aside
    from eegsep.inspection.inspection import spatial_patterns
    from eegsep.network.cost import network_table
    from eegsep.presentation import figures
    from eegsep.studies.store import Store

    files = {"maps_picture": output / "maps.png", "cost": output / "cost.csv"}
    with Store(output, "benchmark") as store:
        keys = {name: f"{result.key}-{file.name}" for name, file in files.items()}
        kept = {name: store.get(key) for name, key in keys.items()}
        if None not in kept.values():
            for name, file in files.items():
                with written_aside(file) as aside:
                    aside.write_bytes(kept[name])
            return files, []
        try:
            refit = result.refit()
            title = (
                f"{refit.pipeline} on all trials of {refit.dataset}, subject {refit.subject}"
                f" ({len(refit.epochs)} trials)"
            )
            patterns = spatial_patterns(refit.classifier, refit.epochs)
            figure = figures.plot_maps(refit.classifier, patterns, title=title)
        except (RequestError, ValueError) as error:
            return {}, [f"no scalp maps: {error}"]
        figures.save(figure, files["maps_picture"])
        with written_aside(files["cost"]) as aside:
            network_table(refit.classifier.module_).to_csv(aside, index=False)
        for name, file in files.items():
            store.put(keys[name], file.read_bytes())
    return files, []


def _print_benchmark(result, files, notes):
    console, run = make_console(), result.run
    reference = result.summary["reference"].iloc[0]
    columns = [
        ("pipeline", "{pipeline}"),
        ("seeds", "{n_seeds}"),
        ("score", "{mean!c:.1f}", " ± {sd!c:.1f}"),
        (f"− {reference}", "{difference!c:+.1f}", " ± {difference_sd!c:.1f}"),
        ("p", "{p:.2g}"),
        ("s/fit", "{time:.2f}"),
    ]
    for dataset, part in result.summary.groupby("dataset", sort=False):
        table = make_table(
            dataset_heading(dataset, part, run),
            f"mean ± sd over subjects; paired difference to {reference}, p from MOABB's "
            f"paired test, two-sided; chance {100 * part['chance'].iloc[0]:.1f}",
            columns,
            against_reference(part.to_dict("records"), "pipeline"),
            bold=lambda row: row["pipeline"] == reference,
        )
        print_whole(console, table)
    if run["max_epochs"] is not None:
        console.print(f"every network with {run['max_epochs']} epochs only (--max-epochs)")
    print_run(console, run, files, notes)
