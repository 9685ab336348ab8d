"""What ``eegsep cost`` computes: all tables of a network in one result, which saves itself.

The machine is measured on as many threads as are asked for.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass

import pandas as pd
import psutil
import torch

from eegsep._utils.tables import records, save_tables
from eegsep.network.settings import settled

from .counting import count
from .tables import family_table, network_table, reduction_table, worked_example
from .timing import Machine, measure_machine


@dataclass(frozen=True)
class CostResult:
    """What a network, and separability, cost.

    Attributes
    ----------
    network : pandas.DataFrame
        Of :func:`network_table`.
    example : pandas.DataFrame
        Of :func:`worked_example`.
    sizes : pandas.DataFrame
        Of :func:`reduction_table`.
    family : pandas.DataFrame
        Of :func:`family_table`.
    machine : Machine | None
        None if nothing was timed.
    run : dict
        ``settings`` of the network, ``parameters`` and ``multiply_adds`` in all, ``batch_size``,
        and torch's version.

    Examples
    --------
    >>> from eegsep import EEGNet
    >>> from eegsep.network.cost import cost
    >>> result = cost(EEGNet(n_chans=8, n_times=128, n_outputs=2), timed=False)
    >>> list(result.network["layer"])
    ['temporal', 'temporal_norm', 'spatial', 'spatial_norm', 'separable_depthwise', 'pointwise',
    'separable_norm', 'classifier']
    """

    network: pd.DataFrame
    example: pd.DataFrame
    sizes: pd.DataFrame
    family: pd.DataFrame
    machine: Machine | None
    run: dict

    def frames(self):
        """Return the tables by name (a dict of pandas.DataFrame)."""
        return {name: getattr(self, name) for name in ("network", "example", "sizes", "family")}

    def as_dict(self):
        """Return everything in lists and dicts that JSON can hold."""
        machine = None
        if self.machine is not None:
            machine = {**asdict(self.machine), "balance": self.machine.balance}
        rows = {name: records(frame) for name, frame in self.frames().items()}
        return {"run": self.run, "machine": machine, **rows}

    def save(self, folder):
        """Write each table as CSV, and everything as ``cost.json``.

        Parameters
        ----------
        folder : path-like
            Where to; made if need be.

        Returns
        -------
        files : dict of pathlib.Path
            By name: ``network, example, sizes, family, cost``.
        """
        return save_tables(folder, self.frames(), "cost", self.as_dict())


@settled()
def cost(net, *, batch_size=16, example_outputs=8, timed=True, repetitions=7, n_threads=1):
    """Cost of EEGNet layer by layer, of separability in a worked example, and of the family.

    Parameters
    ----------
    net : EEGNet
    batch_size : int
        Trials at once, for the network's bytes and times.
    example_outputs : int
        Output channels of the worked example.
    timed : bool
        Measure the machine and forward passes, on the CPU.
    repetitions : int
        Turns of timing.
    n_threads : int
        Of torch while timing. Layers this small mostly keep several waiting for each other.

    Returns
    -------
    result : CostResult

    Raises
    ------
    MemoryError
        If the first layer's maps of a batch are larger than the memory of this machine.

    Examples
    --------
    >>> from eegsep import EEGNet
    >>> from eegsep.network.cost import cost
    >>> result = cost(EEGNet(n_chans=22, n_times=512, n_outputs=4), timed=False)
    >>> result.run["parameters"]
    2484
    """
    n_bytes = 4 * batch_size * net.F1 * net.n_chans * net.n_times
    if n_bytes > psutil.virtual_memory().total:
        raise MemoryError(f"the first layer's maps of a batch have {n_bytes / 1e9:.3g} GB")
    names = ("n_chans", "n_times", "n_outputs", "F1", "D", "F2", "kernel_length")
    kinds = {
        name: kind if number is None else f"{kind}:{number}"
        for name, kind, number in (
            ("spatial", net.spatial_kind, net.spatial_number),
            ("separable", net.separable_kind, net.separable_number),
        )
    }
    with _threads(n_threads):
        machine = measure_machine(repetitions=repetitions) if timed else None
        tables = {
            "network": network_table(net, batch_size, machine, repetitions),
            "example": worked_example(example_outputs),
            "sizes": reduction_table(timed=timed, repetitions=repetitions),
            "family": family_table(timed=timed, repetitions=repetitions),
        }
    return CostResult(
        **tables,
        machine=machine,
        run={
            "settings": {**{name: getattr(net, name) for name in names}, **kinds},
            **count(net, (net.n_chans, net.n_times))._asdict(),
            "batch_size": batch_size,
            "torch": torch.__version__,
        },
    )


@contextmanager
def _threads(n_threads):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
