"""``eegsep ablate``: EEGNet's convolutions against others in their place."""

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
    Evaluation,
    Groups,
    Jobs,
    Json,
    Output,
    Overwrite,
    Scheduler,
    Seed,
    or_simulated,
    read_numbers,
    with_recordings,
)
from .progress import Progress
from .refusals import end, in_one_line
from .shard import Shard, end_shard, read_shard


@in_one_line()
@with_recordings
def ablate(
    recordings,
    datasets: Datasets = None,
    evaluation: Evaluation = None,
    variants: Annotated[
        str | None,
        typer.Option(
            help="Names with commas between, or parameters of EEGNetClassifier: "
            "joint,spatial=grouped:4+D=4 (default: all there are; the published network is always "
            "among them)."
        ),
    ] = None,
    learning_curve: Annotated[
        str | None,
        typer.Option(
            help="Also train on these fractions of the training trials, such as 0.25,0.5."
        ),
    ] = None,
    lr: Annotated[
        str,
        typer.Option(
            help="Learning rate of every variant; of several with commas between, each fit "
            "chooses in three folds of its training trials."
        ),
    ] = "0.003",
    separability: Annotated[
        bool,
        typer.Option(
            "--separability/--no-separability",
            help="Also measure how separable each subject's trials are, and whether that tells "
            "where the published network is ahead.",
        ),
    ] = True,
    groups: Groups = None,
    n_jobs: Jobs = -1,
    scheduler: Scheduler = None,
    shard: Shard = None,
    seed: Seed = 42,
    seeds: Annotated[
        int, typer.Option(min=1, help="Seeds of each variant, on the same folds; averaged.")
    ] = 3,
    max_epochs: Annotated[int, typer.Option(min=1, help="Epochs of every fit.")] = 100,
    output: Output = Path("results/ablation"),
    overwrite: Overwrite = False,
    as_json: Json = False,
):
    """Compare EEGNet's separable convolutions with others in their place.

    All variants have the same folds, seeds, epochs and learning rates. What cannot be scored is
    named, and the rest is: the exit status is 3 then, and 2 where nothing can be.
    """
    datasets, evaluation = or_simulated(datasets, evaluation)
    rates = read_numbers(lr, "learning rates")
    fractions = read_numbers(learning_curve, "fractions of the learning curve")

    share = read_shard(shard)
    with Progress() as progress:
        from eegsep.studies.ablation import ablate as run
        from eegsep.studies.store import Store

        result = run(
            datasets,
            output=output,
            variants=None if variants is None else [v.strip() for v in variants.split(",")],
            learning_curve=fractions,
            lr=rates,
            separability=separability,
            evaluation=evaluation,
            overwrite=overwrite,
            progress=progress,
            groups=groups,
            seed=seed,
            n_seeds=seeds,
            max_epochs=max_epochs,
            n_jobs=n_jobs,
            scheduler=scheduler,
            shard=share,
            **recordings,
        )
        if share is None:
            progress.stage("drawing")
            with Store(output, "ablation") as store, store.turn("files"):
                files = _write_ablation(result, output)

    if share is not None:
        end_shard(result.run, as_json)
    elif as_json:
        tables = ("table", "learning_curve", "separability", "correlation")
        print_json(as_document(result, files, *tables))
    else:
        _print_ablation(result, files)
    end(result.run)


def _write_ablation(result, output):
    """Write tables and pictures; return the files by name."""
    from eegsep.presentation import figures
    from eegsep.presentation.tables import write_latex
    from eegsep.studies.separability_index import INDEX_IN_WORDS, pair_with_index

    files = result.save(output)
    files["latex"] = write_latex(output, result.table, result.scores, result.run)
    files["picture"] = output / "ablation.png"
    figures.save(figures.plot_ablation(result.scores, result.table), files["picture"])
    if len(result.learning_curve):
        files["learning_curve_picture"] = output / "learning_curve.png"
        figure = figures.plot_learning_curves(result.learning_curve)
        figures.save(figure, files["learning_curve_picture"])
    if len(result.correlation):
        pairs = pair_with_index(result.scores, result.separability)
        figure = figures.plot_separability_scores(pairs, result.correlation, caption=INDEX_IN_WORDS)
        files["separability_picture"] = output / "separability.png"
        figures.save(figure, files["separability_picture"])
    return files


def _print_ablation(result, files):
    from eegsep.presentation.tables import (
        Table,
        learning_curve,
        means,
        subjects_of,
        variant_costs,
    )
    from eegsep.studies.ablation import MOBILENET_TABLE_4, where_it_pays

    console = make_console()
    subjects = subjects_of(result.scores)
    for dataset, table in means(result.table, subjects, result.run, narrow=True).items():
        parts = [
            frame[frame["dataset"] == dataset] if len(frame) else frame
            for frame in (result.table, result.learning_curve, result.separability)
        ]
        print_table(console, table)
        console.print()
        print_table(console, variant_costs(parts[0]))
        if len(parts[1]):
            console.print()
            print_table(console, learning_curve(parts[1], where_it_pays(parts[1])))
        if len(parts[2]):
            console.print()
            _print_separability(console, parts[2], result.correlation, dataset)
        console.print()
    columns = ("convolutions", "accuracy in %", "10⁶ multiply-adds", "10⁶ parameters")
    title = "for comparison, MobileNet on ImageNet (Howard et al. 2017, table 4)"
    rows = [dict(zip(columns, row, strict=True)) for row in MOBILENET_TABLE_4]
    columns = [(name, f"{{{name}{':,' if k else ''}}}") for k, name in enumerate(columns)]
    print_table(console, Table(title, columns, rows))
    notes = [f"{name} is left out: it {why}" for name, why in result.run["left_out"].items()]
    print_run(console, result.run, files, notes)


def _print_separability(console, indices, correlation, dataset):
    from eegsep.presentation.tables import Table
    from eegsep.studies.separability_index import INDEX_IN_WORDS

    columns = ["subject", "session", "index", "p_value", "separable", "joint", "noise"]
    rows = indices.to_dict("records")
    print_table(console, Table("How separable the trials are", columns, rows, INDEX_IN_WORDS))
    for row in correlation.to_dict("records"):
        if row["dataset"] != dataset:
            continue
        n = row["n_subjects"]
        said = (
            f"Spearman's ρ = {row['rho']:+.2f}, p = {row['p']:.2g}, n = {n}"
            if row["rho"] == row["rho"]
            else f"no rank correlation, n = {n}"
        )
        console.print(f"index, published − {row['variant']}: {said}", highlight=False)
