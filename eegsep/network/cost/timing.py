"""What the clock says: actions timed in turn, and what the machine does at best.

The balance of its arithmetic and its memory is what a layer's intensity is compared with.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

_SHORTEST_TIMING = 2e-3


def time_in_turns(actions, repetitions=11):
    """Time actions in turn, so that what slows the machine slows them all.

    Parameters
    ----------
    actions : dict of callable
        By name.
    repetitions : int
        Turns, each beginning with another action. Short actions are called several times a turn.

    Returns
    -------
    seconds : dict of float
        Median time of one call.

    Examples
    --------
    >>> from eegsep.network.cost import time_in_turns
    >>> seconds = time_in_turns({"sum": lambda: sum(range(99)), "list": lambda: [0] * 10})
    >>> sorted(seconds)
    ['list', 'sum']
    """

    def seconds(action, n_calls):
        start = time.perf_counter()
        for _ in range(n_calls):
            action()
        return (time.perf_counter() - start) / n_calls

    names, n_calls, times = list(actions), {}, {name: [] for name in actions}
    for name, action in actions.items():
        action()
        n_calls[name] = max(1, math.ceil(_SHORTEST_TIMING / max(seconds(action, 1), 1e-9)))
    for repetition in range(repetitions):
        turn = repetition % len(names)
        for name in names[turn:] + names[:turn]:
            times[name].append(seconds(actions[name], n_calls[name]))
    return {name: median(values) for name, values in times.items()}


@dataclass(frozen=True)
class Machine:
    """What this machine's processor does at best, as measured.

    Attributes
    ----------
    flops : float
        FLOP/s of a large matrix product in float32.
    bandwidth : float
        Bytes/s of a copy far larger than the caches, reading and writing.
    n_threads : int
        Threads of torch meanwhile.

    Examples
    --------
    >>> from eegsep.network.cost import Machine
    >>> machine = Machine(flops=5e10, bandwidth=1e10, n_threads=1)
    >>> machine.flops / machine.bandwidth  # FLOP per byte, below which memory is the bound
    5.0
    """

    flops: float
    bandwidth: float
    n_threads: int

    @property
    def balance(self):
        """FLOP a byte, below which a layer waits for memory."""
        return self.flops / self.bandwidth

    def bound(self, intensity):
        """Say what binds a layer of some arithmetic intensity: ``"memory"`` or ``"compute"``."""
        return "memory" if intensity < self.balance else "compute"


def measure_machine(size=1024, n_bytes=2**27, repetitions=7):
    """Measure the machine's balance on the CPU.

    Parameters
    ----------
    size : int
        Rows and columns of the matrices.
    n_bytes : int
        Length of the copied array.
    repetitions : int
        Turns of both.

    Returns
    -------
    machine : Machine

    Examples
    --------
    >>> from eegsep.network.cost import measure_machine
    >>> machine = measure_machine(size=128, n_bytes=2**20, repetitions=1)
    >>> machine.flops > 0 and machine.bandwidth > 0
    True
    """
    a, b, product = torch.randn(3, size, size)
    source = torch.ones(n_bytes // 4)
    target = torch.ones_like(source)
    seconds = time_in_turns(
        {"product": lambda: torch.mm(a, b, out=product), "copy": lambda: target.copy_(source)},
        repetitions,
    )
    return Machine(
        flops=2 * size**3 / seconds["product"],
        bandwidth=2 * 4 * source.numel() / seconds["copy"],
        n_threads=torch.get_num_threads(),
    )


def forward_of(module, x) -> Callable:
    """Make an action of a module's forward pass on some input, in inference mode."""

    @torch.inference_mode()
    def run():
        module(x)

    return run
