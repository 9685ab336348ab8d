"""``eegsep cost``: parameters, multiply-adds, bytes and times of networks and layers."""

import math
from pathlib import Path
from typing import Annotated

import typer

from eegsep.presentation.terminal import make_console, print_files, print_json, print_table

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
        typer.Option("--F2", help="Pointwise filters (default: F1 x D)."),
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
    output: Annotated[Path | None, typer.Option(help="Folder for the tables.")] = None,
    as_json: Json = False,
):
    """Show what EEGNet and separable convolutions cost: parameters, multiply-adds, time.

    Times want a machine that does nothing else meanwhile.
    """
    with Progress(live=False) as progress:
        from eegsep._utils.errors import RequestError
        from eegsep._utils.tables import make_folder
        from eegsep.network.cost import cost as run
        from eegsep.network.eegnet import EEGNet

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
    from eegsep.network.cost import say_speed

    console, timed = make_console(), result.machine is not None
    for table in (
        _of_network(result),
        _of_example(result.example),
        _of_sizes(result.sizes, timed),
        _of_family(result.family, timed),
    ):
        print_table(console, table, padding=0)  # within 80 columns
        console.print()
    if timed:
        console.print(say_speed(result.sizes), highlight=False, soft_wrap=True)
    print_files(console, files)


def _of_network(result):
    from eegsep.presentation.tables import layers

    machine, run, network = result.machine, result.run, result.network
    settings, batch_size = run["settings"], run["batch_size"]
    title = (
        f"EEGNet-{settings['F1']},{settings['D']} ({settings['spatial']}, "
        f"{settings['separable']}), {settings['n_chans']} channels x {settings['n_times']} "
        f"samples, {settings['n_outputs']} classes"
    )
    if machine is None:
        return layers(network, title=title)
    note = (
        f"on {machine.n_threads} thread{'' if machine.n_threads == 1 else 's'}, {batch_size} "
        f"trials at once; matrix product {machine.flops / 1e9:.1f} GFLOP/s, copy "
        f"{machine.bandwidth / 1e9:.1f} GB/s: below {machine.balance:.1f} FLOP/byte a layer "
        "waits for memory"
    )
    network = network.assign(trial=network["seconds"] / batch_size)
    more = "intensity", "bound", ("µs", "{trial!u:.0f}")
    return layers(network, *more, title=title, note=note)


def _of_example(example):
    from eegsep.presentation.tables import Table

    costs = example.groupby("convolution", sort=False)["multiply_adds"].sum()
    standard, separable = costs["standard"], costs["depthwise separable"]
    n_maps, area = example["kernel"][0][0], math.prod(example["kernel"][0][2:])
    note = (
        f"{separable:,} of {standard:,}: 1/N + 1/(kh·kw) = 1/{n_maps} + 1/{area} = "
        f"{separable / standard:.3f}"
    )
    columns = ["convolution", "step", "input", "kernel", "output", "parameters", "multiply_adds"]
    title = "a convolution without padding, every shape on the way"
    return Table(title, columns, example.to_dict("records"), note)


def _of_sizes(sizes, timed):
    from eegsep.presentation.tables import Table

    note = (
        "10⁶ multiply-adds, the separable layer's 1/N + 1/9 of the standard's; pointwise: the "
        "share of that step in it" + ("; ms: standard, separable, one image" if timed else "")
    )
    columns = [
        ("N", "{channels}"),
        ("image", "{size}²"),
        ("standard", "{standard_multiply_adds!M:.1f}"),
        ("separable", "{separable_multiply_adds!M:.1f}"),
        ("1/N", "{depthwise_term:.4f}"),
        ("1/9", "{pointwise_term:.4f}"),
        ("fewer", "{reduction:.1f}x"),
        ("pointwise", "{pointwise_share:.0%}"),
    ]
    times = [
        ("ms", "{standard_seconds!k:.2f}"),
        ("ms", "{separable_seconds!k:.2f}"),
        ("faster", "{speedup:.2g}x"),
    ]
    title = "3 x 3 kernels, N channels in and out: standard and depthwise separable"
    return Table(title, columns + times if timed else columns, sizes.to_dict("records"), note)


def _of_family(family, timed):
    from eegsep.presentation.tables import Table

    columns = ["convolution", "option", "parameters", "multiply_adds"]
    columns.append(("fewer", "{reduction:.1f}x"))
    times = [("ms", "{seconds!k:.2f}"), ("faster", "{speedup:.2g}x")]
    title = "the family: 64 channels in and out, 28 x 28, 3 x 3"
    return Table(title, columns + times if timed else columns, family.to_dict("records"))
