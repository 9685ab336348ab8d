"""``eegsep benchmark``: pipelines side by side."""

from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.terminal import (
    as_document,
    make_console,
    print_json,
    print_run,
    print_table,
)

from .options import (
    Datasets,
    Groups,
    Jobs,
    Json,
    MaxEpochs,
    Output,
    Overwrite,
    Page,
    Scheduler,
    Seed,
    or_simulated,
    read_numbers,
    split_pipelines,
    with_recordings,
)
from .progress import Progress
from .refusals import end, in_one_line
from .shard import Shard, end_shard, read_shard

# What it runs without a dataset: few enough to be done in a few minutes.
_DEMO_PIPELINES = ("EEGNet", "EEGNet-standard", "CSP+LDA", "TS+LR", "FgMDM")


@in_one_line()
@with_recordings
def benchmark(
    recordings,
    datasets: Datasets = None,
    evaluation: Annotated[
        str | None,
        typer.Option(
            help="WithinSession, CrossSession, CrossSubject, Transfer or LearningCurve (default: "
            "WithinSession, but CrossSession for the simulated dataset)."
        ),
    ] = None,
    target_trials: Annotated[
        int | None,
        typer.Option(
            help="Transfer: train on so many trials of the target too, the first of each class "
            "(default: 15)."
        ),
    ] = None,
    train_sizes: Annotated[
        str | None,
        typer.Option(help="LearningCurve: numbers of training trials (default: 10,20,40)."),
    ] = None,
    cs_mode: Annotated[
        str | None,
        typer.Option(
            help="CrossSubject: MOABB's mode, such as train_trialwise or "
            "train_and_target_unlabeled_20p (default: train)."
        ),
    ] = None,
    pipelines: Annotated[
        list[str] | None,
        typer.Option(
            help="Names with commas between, a YAML file, or a folder of them; may be given more "
            "than once (default: all that are shipped for the paradigm, but for networks that take "
            "long to train; `eegsep list pipelines` has their names too)."
        ),
    ] = None,
    groups: Groups = None,
    n_jobs: Jobs = -1,
    scheduler: Scheduler = None,
    shard: Shard = None,
    seed: Seed = 42,
    seeds: Annotated[
        int,
        typer.Option(
            min=1,
            help="Train eegsep's networks with this many seeds on the same folds, and average. "
            "Everything else runs once.",
        ),
    ] = 1,
    permutations: Annotated[
        int,
        typer.Option(
            min=0,
            help="Repeat each evaluation so many times with permuted labels, such as 1000, for "
            "p-values of subjects and means.",
        ),
    ] = 0,
    max_epochs: MaxEpochs = None,
    search: Annotated[
        str,
        typer.Option(
            help="How a pipeline's param_grid is searched inside each training fold: all of it, "
            "or as Optuna suggests, from ranges too.",
            metavar="grid|optuna",
        ),
    ] = "grid",
    search_trials: Annotated[
        int | None,
        typer.Option(min=1, help="How many combinations Optuna tries (default: 20)."),
    ] = None,
    output: Output = Path("results/benchmark"),
    overwrite: Overwrite = False,
    maps: Annotated[
        bool,
        typer.Option(
            help="Draw the scalp maps of a network, with their controls: sixteen fits more, of the "
            "subject that it served best."
        ),
    ] = True,
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
            "braindecode's networks and others are left out here to save time; --pipelines adds "
            "them, as in --pipelines EEGNet,braindecode-EEGNet."
        )
    datasets, evaluation = or_simulated(datasets, evaluation)
    sizes = read_numbers(train_sizes, "training sizes")

    share = read_shard(shard)
    with Progress() as progress:
        from eegsep.studies.benchmark import benchmark as run
        from eegsep.studies.store import Store

        result = run(
            datasets,
            output=output,
            pipelines=pipelines,
            evaluation=evaluation,
            overwrite=overwrite,
            progress=progress,
            groups=groups,
            target_trials=target_trials,
            train_sizes=sizes or None,
            cs_mode=cs_mode,
            search=search,
            search_trials=search_trials,
            seed=seed,
            n_seeds=seeds,
            permutations=permutations,
            max_epochs=max_epochs,
            n_jobs=n_jobs,
            scheduler=scheduler,
            shard=share,
            **recordings,
        )
        if share is None:
            with Store(output, "benchmark") as store, store.turn("files"):
                files, more_notes = _write_benchmark(result, store, output, maps, page, progress)

    if share is not None:
        end_shard(result.run, as_json)
    elif as_json:
        more = ["learning_curve"] if len(result.learning_curve) else []
        more += [] if result.permutations is None else ["permutations"]
        print_json(as_document(result, files, "summary", *more))
    else:
        _print_benchmark(result, files, notes + more_notes)
    end(result.run)


def _write_benchmark(result, store, output, maps, page, progress):
    """Write tables, pictures and the page; return files by name, and what there is to be said."""
    from eegsep._utils.errors import RequestError
    from eegsep.presentation import evidence, figures
    from eegsep.presentation.tables import write_latex
    from eegsep.studies.learning_curve import at_largest_size

    files, notes, inspection = result.save(output), [], None
    more = evidence.tables(result.scores, result.permutations)
    files["latex"] = write_latex(output, result.summary, result.scores, result.run, more)
    try:
        inspection = _inspect(result, store, progress) if maps else None
    except (RequestError, ValueError) as error:
        notes.append(f"no scalp maps: {error}")
    progress.stage("drawing")
    files["scores_picture"] = output / "scores.png"
    with figures.settings():
        figure = figures.plot_scores(at_largest_size(result.scores), result.summary)
        figures.save(figure, files["scores_picture"])
        if len(result.learning_curve):
            files["learning_curve_picture"] = output / "learning_curve.png"
            figure = figures.plot_learning_curves(result.learning_curve)
            figures.save(figure, files["learning_curve_picture"])
        if inspection is not None:
            files |= {"maps_picture": output / "maps.png", "maps": output / "maps"}
            inspection.save(files["maps"])
            title = f"{inspection.verdict}; {{pipeline}}, {{dataset}}, subject {{subject}}"
            title = title.format_map(inspection.run)
            figure = figures.plot_consensus(inspection.consensus, title=title)
            figures.save(figure, files["maps_picture"])
    if page:
        from eegsep.presentation.page import report as write

        files["report"] = write(output)
    return files, notes


def _inspect(result, store, progress):
    """Inspect a network on the subject that it served best, or take that from the store."""
    from eegsep._utils.processes import scratch_folder, side_by_side
    from eegsep.studies.inspected import pack, unpack

    def follow(stage, *rest):
        progress("map" if stage == "fit" else stage, *rest)

    key, n_jobs = f"{result.key}-inspection", result.run["n_jobs"]
    with scratch_folder() as scratch:
        packed = store.get(key)
        if packed is not None:
            return unpack(packed, scratch)
        with side_by_side(n_jobs):
            inspection = result.inspect(n_seeds=1, n_jobs=n_jobs, progress=follow)
        store.put(key, pack(inspection, scratch))
    return inspection


def _print_benchmark(result, files, notes):
    from eegsep.presentation.tables import learning_curve, means, subjects_of

    console, run = make_console(), result.run
    subjects = subjects_of(result.scores)
    for table in means(result.summary, subjects, run, narrow=True).values():
        print_table(console, table)
    if len(result.learning_curve):
        for _, part in result.learning_curve.groupby("dataset", sort=False):
            print_table(console, learning_curve(part, []))
    if run["max_epochs"] is not None:
        console.print(f"every network with {run['max_epochs']} epochs only (--max-epochs)")
    print_run(console, run, files, notes)
