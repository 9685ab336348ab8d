"""The compiled passes of ``kernels.c``, for this processor, where an installation could build them.

They are called by name, with tensors, and let other threads compute meanwhile.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
from functools import cache
from pathlib import Path

import torch

from ..threads import in_parts

# Kinds of processors that passes are compiled for, the best first, by torch's names.
PROCESSORS = "AVX512", "AVX2", "DEFAULT"


class _Pass(ctypes.Structure):
    """As in kernels.c, which says what each is."""

    _numbers = """
    n_trials n_chans n_times n_maps n_out length left n_fft n_passes pool n_pooled together n_parts
    """
    _arrays = """
    eps radices twiddles x weight kernels pointwise gain bias shift maps y spectra means squares
    mean variance pooled slopes grad sums grad_x grad_weight grad_kernels grad_pointwise grad_gain
    grad_bias
    """
    _fields_ = tuple(
        (name, kind)
        for names, kind in ((_numbers, ctypes.c_ssize_t), (_arrays, ctypes.c_void_p))
        for name in names.split()
    )


def processors():
    """Name the kinds whose passes run on this processor, the best first."""
    here = torch.backends.cpu.get_cpu_capability()
    return PROCESSORS[PROCESSORS.index(here) if here in PROCESSORS else -1 :]


@cache
def load(dtype):
    """Load the passes for a type.

    Parameters
    ----------
    dtype : torch.dtype

    Returns
    -------
    library : ctypes.CDLL | None
        None where there are none of this source, which is said once.
    """
    source = Path(__file__).with_name("kernels.c")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    for name in processors():
        path = source.with_name(f"kernels-{digest}-{name}-{str(dtype).removeprefix('torch.')}.so")
        if path.is_file():
            return ctypes.CDLL(str(path))
    logging.getLogger("eegsep").warning(
        "eegsep has no compiled passes, for want of a C compiler when it was installed, or because "
        "its sources have changed since: networks are trained in plain torch, which takes several "
        "times as long. Install a C compiler, and eegsep anew."
    )
    return None


def run(name, n, arguments):
    """Call a pass, on the caller's threads.

    Parameters
    ----------
    name : str
        Of a function of ``kernels.c``.
    n : int
        How many parts of the work there are.
    arguments : dict of int, contiguous torch.Tensor or None
        What the passes take, by name; ``x`` says how large the work is.
    """
    x, one = arguments["x"], _Pass()
    function = getattr(load(x.dtype), name)
    for field, value in arguments.items():
        setattr(one, field, value.data_ptr() if isinstance(value, torch.Tensor) else value)

    def part(first, last):
        if function(ctypes.byref(one), ctypes.c_ssize_t(first), ctypes.c_ssize_t(last)):
            raise MemoryError(f"no memory for a part of {len(x)} trials")

    in_parts(part, n, x.numel())
