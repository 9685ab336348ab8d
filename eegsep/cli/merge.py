"""``eegsep merge``: shares of a study, in one folder."""

from pathlib import Path
from typing import Annotated

import typer

from eegsep._utils.shown import shown

from .refusals import in_one_line


@in_one_line(stopped="Nothing is merged.")
def merge(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER...", help="Output folders of shares of a study."),
    ],
    output: Annotated[Path, typer.Option(help="Folder to join them in; what it has is kept.")],
):
    """Join the folders in which shares of a study (--shard) were computed.

    The study's own command, with the same --output and without --shard, then finds all of it.
    """
    from eegsep.studies.merge import merge as run
    from eegsep.studies.shards import missing_shards

    n_new = run(folders, output)
    where = shown(str(output))
    typer.echo(
        f"{n_new} results are new in {where}: the study's command finds them with --output {where}."
    )
    missing = ", ".join(f"{number}/{n_shards}" for number, n_shards in missing_shards(output))
    if missing:
        typer.echo(
            f"eegsep: not among them: shard {missing}. The study is to compute it.", err=True
        )
