"""Time of an epoch, of one network and of a stack of them, beside braindecode's EEGNet.

    python benchmarks/gpu.py                   # on an accelerator, under three minutes
    python benchmarks/gpu.py --device cpu      # to try it, with fewer networks

288 trials of noise in batches of 64, four shapes of recordings. Compared are plain loops around
braindecode's module and around ours, the estimator, and stacked training. Trials lie on the device
before; each time is the median over epochs after a warm-up, taken when the device has finished.
"""

import argparse
import statistics
import sys
import time

import numpy as np
import torch
from braindecode.models import EEGNet as BraindecodeEEGNet
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from eegsep import EEGNet, EEGNetClassifier
from eegsep.network.settings import settled
from eegsep.training.loop import KerasAdam, load_libraries
from eegsep.training.stacked import train_stack

# Channels, samples, and samples in a temporal kernel.
SHAPES = {
    "64x480": (64, 480, 80),
    "22x1001": (22, 1001, 125),
    "22x512": (22, 512, 64),
    "3x1125": (3, 1125, 125),
}
N_OUTPUTS, BATCH_SIZE, LR = 2, 64, 1e-3


def wait_for(device):
    """Wait until a device has done all that it was given."""
    if device.type != "cpu":
        torch.get_device_module(device).synchronize()


def seconds_an_epoch(epoch, device, n_epochs):
    """Take the median time of an epoch, after two that warm up."""
    times = []
    for _ in range(2 + n_epochs):
        wait_for(device)
        start = time.perf_counter()
        epoch()
        wait_for(device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def plain_loop(net, optimizer, X, y, after_step=lambda: None):
    """Return a function that trains for an epoch as users of torch do."""
    net.to(X.device).train()

    def epoch():
        for batch in torch.randperm(len(X), device=X.device).split(BATCH_SIZE):
            optimizer.zero_grad()
            F.cross_entropy(net(X[batch]), y[batch]).backward()
            optimizer.step()
            after_step()

    return epoch


def braindecode_loop(n_chans, n_times, kernel_length, X, y):
    """Return an epoch of braindecode's network, with torch's own Adam."""
    net = BraindecodeEEGNet(
        n_chans=n_chans, n_outputs=N_OUTPUTS, n_times=n_times, kernel_length=kernel_length
    ).to(X.device)
    return plain_loop(net, torch.optim.Adam(net.parameters(), lr=LR, fused=True), X, y)


def our_loop(n_chans, n_times, kernel_length, X, y):
    """Return an epoch of our network in a loop of the user's own."""
    net = EEGNet(n_chans, n_times, N_OUTPUTS, kernel_length=kernel_length).to(X.device)
    return plain_loop(net, KerasAdam(net.parameters(), lr=LR), X, y, net.project_)


def estimator_seconds(kernel_length, X, y, n_epochs):
    """Return the time of an epoch of the estimator, by its own record."""
    clf = EEGNetClassifier(
        init="glorot",
        kernel_length=kernel_length,
        pool1=4,
        pool2=8,
        separable_kernel_length=16,
        max_epochs=2 + n_epochs,
        batch_size=BATCH_SIZE,
        lr=LR,
        device=X.device,
        random_state=0,
    ).fit(X.cpu().numpy(), y.cpu().numpy())
    return statistics.median(record["dur"] for record in clf.history_[2:])


@settled()
def stack_seconds(n_chans, n_times, kernel_length, X, y, n_networks, n_epochs):
    """Return the time of an epoch of a stack, without what comes before the first and after."""

    def seconds(max_epochs):
        nets = [
            EEGNet(n_chans, n_times, N_OUTPUTS, kernel_length=kernel_length).to(X.device)
            for _ in range(n_networks)
        ]
        options = {"batch_size": BATCH_SIZE, "lr": LR, "seeds": range(n_networks)}
        wait_for(X.device)
        start = time.perf_counter()
        train_stack(nets, X, y, max_epochs=max_epochs, **options)
        wait_for(X.device)
        return time.perf_counter() - start

    seconds(1)
    before = seconds(1)
    return (seconds(1 + n_epochs) - before) / n_epochs


def main(arguments=None):
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto", help="what torch.device takes, or auto")
    parser.add_argument("--networks", type=int, help="in a stack; 100, on a CPU 4")
    parser.add_argument("--epochs", type=int, default=10, help="timed, after two to warm up")
    parser.add_argument("--trials", type=int, default=288)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    args = parser.parse_args(arguments)
    if args.device == "auto":
        kinds = ("cuda", "xpu", "mps")
        args.device = next((k for k in kinds if getattr(torch, k).is_available()), "cpu")
    device = torch.device(args.device)
    n_networks = args.networks or (4 if device.type == "cpu" else 100)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    started = time.perf_counter()
    load_libraries()
    table = Table(title=f"Milliseconds an epoch on {name}, torch {torch.__version__}")
    table.add_column("shape")
    columns = ("braindecode", "plain loop", "estimator", f"{n_networks} stacked", "a network")
    for column in (*columns, "loop / estimator", "braindecode / ours", "braindecode / a network"):
        table.add_column(column, justify="right")
    for shape in args.shapes:
        n_chans, n_times, kernel_length = sizes = SHAPES[shape]
        generator = torch.Generator().manual_seed(0)
        X = torch.randn(args.trials, n_chans, n_times, generator=generator).to(device)
        y = (torch.arange(args.trials) % N_OUTPUTS).to(device)
        theirs = seconds_an_epoch(braindecode_loop(*sizes, X, y), device, args.epochs)
        loop = seconds_an_epoch(our_loop(*sizes, X, y), device, args.epochs)
        estimator = estimator_seconds(kernel_length, X, y, args.epochs)
        stack = stack_seconds(*sizes, X, y, n_networks, args.epochs)
        times = [theirs, loop, estimator, stack, stack / n_networks]
        ratios = [loop / estimator, theirs / estimator, theirs * n_networks / stack]
        table.add_row(
            f"{n_chans} x {n_times}, K {kernel_length}",
            *(f"{1000 * seconds:.3g}" for seconds in times),
            *(f"{ratio:.2f}" for ratio in ratios),
        )
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    seconds = np.ceil(time.perf_counter() - started)
    console.print(f"{args.trials} trials, batches of {BATCH_SIZE}; {seconds:.0f} s in all")


if __name__ == "__main__":
    main()
