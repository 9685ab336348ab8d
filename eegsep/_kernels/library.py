"""The compiled passes of ``kernels.c``, for this processor, where an installation could build them.

They are called by name, with tensors, and let other threads compute meanwhile.
"""

from __future__ import annotations

import ctypes
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


@cache
def load(dtype):
    """Load the passes for a type.

    Parameters
    ----------
    dtype : torch.dtype

    Returns
    -------
    library : ctypes.CDLL | None
        None where there are none, which is said once.
    """
    processor = torch.backends.cpu.get_cpu_capability()
    first = PROCESSORS.index(processor) if processor in PROCESSORS else -1
    for name in PROCESSORS[first:]:
        path = Path(__file__).with_name(f"kernels-{name}-{str(dtype).removeprefix('torch.')}.so")
        if path.is_file():
            return ctypes.CDLL(str(path))
    logging.getLogger("eegsep").warning(
        "eegsep was installed without a C compiler: networks are trained in plain torch, which "
        "takes several times as long. Install a compiler, and eegsep anew."
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
