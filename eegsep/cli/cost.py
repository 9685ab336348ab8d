"""``eegsep cost``: parameters, multiply-adds, bytes and times of networks and layers."""

import math
from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.terminal import make_console, make_table, print_json, print_whole

from .options import Json
from .progress import Progress
from .refusals import in_one_line


@in_one_line(stopped="")
def cost(
    n_chans: Annotated[int, typer.Option(help="Electrodes.")] = 22,
    n_times: Annotated[int, typer.Option(help="Time samples in a window.")] = 512,
    n_outputs: Annotated[int, typer.Option(help="Classes.")] = 4,
    F1: Annotated[
        str, typer.Option("--F1", help='Temporal filters, or "matched" to the published network.')
    ] = "8",
    D: Annotated[int, typer.Option("--D", help="Spatial filters for each.")] = 2,
    F2: Annotated[
        int | None,
        typer.Option("--F2", help="Pointwise filters (default: F1 x D).", show_default=False),
    ] = None,
    kernel_length: Annotated[int, typer.Option(help="Samples in a temporal filter.")] = 64,
    spatial: Annotated[
        str,
        typer.Option(help="Convolution of block 1: depthwise, grouped:2, standard, joint, ..."),
    ] = "depthwise",
    separable: Annotated[
        str,
        typer.Option(help="Convolution of block 2: separable, grouped:2, standard, shuffle:4, ..."),
    ] = "separable",
    batch_size: Annotated[
        int, typer.Option(min=1, max=10**6, help="Trials at once, for bytes and times.")
    ] = 16,
    example_outputs: Annotated[
        int, typer.Option(min=1, max=10**6, help="Output channels of the worked example.")
    ] = 8,
    threads: Annotated[int, typer.Option(min=1, max=1024, help="Threads while timing.")] = 1,
    time: Annotated[bool, typer.Option("--time/--no-time", help="Measure times as well.")] = True,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the tables.", show_default=False)
    ] = None,
    as_json: Json = False,
):
    """Show what EEGNet and separable convolutions cost: parameters, multiply-adds, time.

    Times want a machine that does nothing else meanwhile.
    """
    with Progress(live=False) as progress:
        progress.stage("loading libraries")
        from eegsep.cost import cost as run
        from eegsep.datasets.recordings import RequestError
        from eegsep.network import EEGNet
        from eegsep.tables import make_folder

        try:
            net = EEGNet(
                n_chans,
                n_times,
                n_outputs,
                F1=int(F1) if F1.isdecimal() else F1,
                D=D,
                F2=F2,
                kernel_length=kernel_length,
                spatial=spatial,
                separable=separable,
            )
        except (TypeError, ValueError) as error:
            raise RequestError(str(error)) from error
        if output is not None:
            make_folder(output)
        progress.stage("counting and timing" if time else "counting")
        result = run(
            net,
            batch_size=batch_size,
            example_outputs=example_outputs,
            timed=time,
            n_threads=threads,
        )
    files = {} if output is None else result.save(output)
    if as_json:
        print_json(result.as_dict())
    else:
        _print_cost(result, files)


def _print_cost(result, files):
    from eegsep.cost import say_speed

    console = make_console()
    for table in _cost_tables(result):
        table.padding = 0  # within 80 columns
        print_whole(console, table)
        console.print()
    if result.machine is not None:
        console.print(say_speed(result.sizes), highlight=False, soft_wrap=True)
    for path in files.values():
        console.print(str(path), highlight=False, soft_wrap=True)


def _cost_tables(result):
    """Yield the tables of ``eegsep cost``."""
    machine, run = result.machine, result.run
    settings, batch_size = run["settings"], run["batch_size"]

    def shape(sizes):
        return "x".join(map(str, sizes))

    headings = ["layer", "output", "params", "multiply-adds", "%"]
    caption = None
    if machine is not None:
        headings += ["FLOP/B", "bound", "µs/trial"]
        caption = (
            f"on {machine.n_threads} thread{'' if machine.n_threads == 1 else 's'}, {batch_size} "
            f"trials at once; matrix product {machine.flops / 1e9:.1f} GFLOP/s, copy "
            f"{machine.bandwidth / 1e9:.1f} GB/s: below {machine.balance:.1f} FLOP/byte a layer "
            "waits for memory"
        )
    table = make_table(
        f"EEGNet-{settings['F1']},{settings['D']} ({settings['spatial']}, "
        f"{settings['separable']}), {settings['n_chans']} channels x {settings['n_times']} "
        f"samples, {settings['n_outputs']} classes",
        caption,
        headings,
    )
    total = run["multiply_adds"]
    for row in result.network.to_dict("records"):
        cells = [row["layer"], shape(row["output"]), f"{row['parameters']:,}"]
        cells += [f"{row['multiply_adds']:,}", f"{100 * row['multiply_adds'] / total:.1f}"]
        if machine is not None:
            cells += [f"{row['intensity']:.1f}", row["bound"]]
            cells.append(f"{1e6 * row['seconds'] / batch_size:.1f}")
        table.add_row(*cells)
    cells = ["all", "", f"{run['parameters']:,}", f"{total:,}", ""]
    if machine is not None:
        cells += ["", "", f"{1e6 * result.network['seconds'].sum() / batch_size:.1f}"]
    table.add_row(*cells, style="bold")
    yield table

    costs = result.example.groupby("convolution", sort=False)["multiply_adds"].sum()
    standard, separable = costs["standard"], costs["depthwise separable"]
    n_maps, area = result.example["kernel"][0][0], math.prod(result.example["kernel"][0][2:])
    table = make_table(
        "a convolution without padding, every shape on the way",
        f"{separable:,} of {standard:,}: 1/N + 1/(kh·kw) = 1/{n_maps} + 1/{area} = "
        f"{separable / standard:.3f}",
        ["convolution", "step", "input", "kernel", "output", "parameters", "multiply-adds"],
    )
    for row in result.example.to_dict("records"):
        shapes = [shape(row[name]) for name in ("input", "kernel", "output")]
        cost = [f"{row['parameters']:,}", f"{row['multiply_adds']:,}"]
        table.add_row(row["convolution"], row["step"], *shapes, *cost)
    yield table

    headings = ["N", "image", "standard", "separable", "1/N", "1/9", "fewer", "pointwise"]
    table = make_table(
        "3 x 3 kernels, N channels in and out: standard and depthwise separable",
        "10⁶ multiply-adds, the separable layer's 1/N + 1/9 of the standard's; pointwise: the "
        "share of that step in it" + ("; ms: standard, separable, one image" if machine else ""),
        headings + (["ms", "ms", "faster"] if machine else []),
    )
    for row in result.sizes.to_dict("records"):
        cells = [f"{row['channels']}", f"{row['size']}²"]
        cells += [f"{row[f'{name}_multiply_adds'] / 1e6:.1f}" for name in ("standard", "separable")]
        cells += [f"{row[f'{name}_term']:.4f}" for name in ("depthwise", "pointwise")]
        cells += [f"{row['reduction']:.1f}x", f"{row['pointwise_share']:.0%}"]
        if machine is not None:
            cells += [f"{1e3 * row[f'{name}_seconds']:.2f}" for name in ("standard", "separable")]
            cells.append(f"{row['speedup']:.2g}x")
        table.add_row(*cells)
    yield table

    table = make_table(
        "the family: 64 channels in and out, 28 x 28, 3 x 3",
        None,
        ["convolution", "", "parameters", "multiply-adds", "fewer"]
        + (["ms", "faster"] if machine else []),
    )
    for row in result.family.to_dict("records"):
        cells = [row["convolution"], row["option"], f"{row['parameters']:,}"]
        cells += [f"{row['multiply_adds']:,}", f"{row['reduction']:.1f}x"]
        if machine is not None:
            cells += [f"{1e3 * row['seconds']:.2f}", f"{row['speedup']:.2g}x"]
        table.add_row(*cells)
    yield table
