"""``eegsep inspect``: what a network learned, and whether to believe it."""

from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.terminal import make_console, print_json, print_run, print_table

from .options import Jobs, Json, MaxEpochs, Overwrite, Page, Seed, with_recordings
from .progress import Progress
from .refusals import end, in_one_line
from .shard import Shard, end_shard, read_shard


@in_one_line(stopped="Subjects that are done are kept: the same command goes on.")
@with_recordings
def inspect(
    recordings,
    dataset: Annotated[
        str,
        typer.Argument(
            help="MOABB dataset, by class name or code, or a folder of recordings of your own "
            "(default: the simulated one, subject 1)."
        ),
    ] = "",
    pipeline: Annotated[
        str, typer.Option(help="One that is shipped, or a YAML file; it must end in an EEGNet.")
    ] = "EEGNet",
    evaluation: Annotated[
        str,
        typer.Option(
            help="WithinSession or CrossSession: where a subject has several sessions, folds in "
            "each of them, or one session as each fold."
        ),
    ] = "WithinSession",
    folds: Annotated[int, typer.Option(min=2, help="Folds of each session's trials.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Fits on each fold.")] = 3,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls/--no-controls",
            help="Also make as many fits without learning, and to shuffled labels: three times the "
            "time, and the only way to know whether maps are to be believed.",
        ),
    ] = True,
    min_similarity: Annotated[
        float, typer.Option(help="Where clusters of components are cut, between 0 and 1.")
    ] = 0.8,
    n_jobs: Jobs = -1,
    shard: Shard = None,
    seed: Seed = 42,
    max_epochs: MaxEpochs = None,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for tables, components and the page; a run that stopped goes on there."
        ),
    ] = Path("results/inspect"),
    overwrite: Overwrite = False,
    page: Page = True,
    as_json: Json = False,
):
    """Show what a network learns of each subject, and whether its maps are to be believed.

    Cross-validated scores, what recurs over fits, and the same of networks that learned nothing.
    Subjects that cannot be inspected are named: the exit status is 3 then, and 2 where none can be.
    """
    if not dataset:
        dataset = "SimulatedMotorImagery"
        recordings["subjects"] = recordings["subjects"] or [1]
    share = read_shard(shard)
    with Progress() as progress:
        from eegsep.studies.inspect import inspect_dataset
        from eegsep.studies.store import Store

        result = inspect_dataset(
            dataset,
            output=output,
            overwrite=overwrite,
            pipeline=pipeline,
            evaluation=evaluation,
            cv=folds,
            controls=controls,
            min_similarity=min_similarity,
            progress=progress,
            seed=seed,
            n_seeds=seeds,
            max_epochs=max_epochs,
            n_jobs=n_jobs,
            shard=share,
            **recordings,
        )
        if share is None:
            progress.stage("drawing")
            with Store(output, "inspection") as store, store.turn("files"):
                files = result.save(output)
                if page:
                    from eegsep.presentation.page import report as write

                    files["report"] = write(result, output / "report.html")

    if share is not None:
        end_shard(result.run, as_json)
    elif as_json:
        from eegsep._utils.columns import notes
        from eegsep._utils.tables import records

        subjects = result.to_frame()
        document = {"run": result.run, "columns": notes(subjects), "subjects": records(subjects)}
        if result.consensus is not None:
            document |= {"reliability": result.reliability, "clusters": records(result.clusters())}
        document["files"] = {name: str(path) for name, path in files.items()}
        print_json(document)
    else:
        _print_inspection(result, files)
    end(result.run)


def _print_inspection(result, files):
    from eegsep._utils.columns import METRICS
    from eegsep.presentation.tables import Table

    console = make_console()
    (code,), run = result.run["datasets"], result.run
    n_folds = " or ".join(map(str, sorted({e.run["n_folds"] for e in result.subjects.values()})))
    caption = "reliability of what is learned: 1 where it recurs in every fit, 0 where nothing does"
    if run["controls"]:
        caption += (
            "; stable where the score is above chance and the 95 % interval of trained networks' "
            "above 0 and both controls; few: not enough fits to tell"
        )
    # without controls nothing is known, with few fits little
    verdicts = {None: "few" if run["controls"] else "?", True: "yes", False: "no"}
    rows = [{"subject": key} | each.summary() for key, each in result.subjects.items()]
    rows = [row | {"verdict": verdicts[row["stable"]]} for row in rows]
    if result.consensus is not None:
        mean = result.to_frame()["score"].mean()
        rows.append({"subject": "all", "score": mean} | result.reliability)
    columns = [
        "subject",
        "score",
        ("95 % of\nchance", "{chance_low} to {chance_high}"),
        ("trained,\nits 95 %", "{trained}", ", {trained_low} to {trained_high}"),
        ("untrained,\nshuffled", "{untrained}", ", {shuffled}"),
        ("stable", "{verdict}"),
    ]
    title = (
        f"{code}: {run['pipeline']}, {METRICS[run['metric']]}, {n_folds} folds, "
        f"{run['n_seeds']} seed{'' if run['n_seeds'] == 1 else 's'}"
    )
    print_table(console, Table(title, columns, rows, caption, strong="all"))
    if run["max_epochs"] is not None:
        console.print(f"every network with {run['max_epochs']} epochs only (--max-epochs)")
    print_run(console, run, files)
