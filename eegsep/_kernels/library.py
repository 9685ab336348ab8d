"""The compiled passes of ``kernels.c``, for this processor, where an installation could build them.

They are called by name, with tensors, and let other threads compute meanwhile.
"""

from __future__ import annotations

import ctypes
import logging
from functools import cache, partial

import torch

from eegsep.network.threads import in_parts

from . import names


class _Pass(ctypes.Structure):
    """As in kernels.c, which says what each is."""

    _numbers = """
    n_trials n_chans n_times n_maps n_out n_seen length left n_fft n_passes pool n_pooled together
    n_parts
    """
    _arrays = """
    radices twiddles x weight kernels pointwise transposed gain bias shift maps y spectra means
    squares mean variance pooled slopes grad sums grad_x grad_weight grad_kernels grad_pointwise
    grad_gain grad_bias columns lags
    """
    _fields_ = (
        *((name, ctypes.c_ssize_t) for name in _numbers.split()),
        ("eps", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in _arrays.split()),
    )


def processors():
    """Name the kinds whose passes run on this processor, the best first."""
    here = torch.backends.cpu.get_cpu_capability()
    known = names.PROCESSORS
    return known[known.index(here) if here in known else -1 :]


@cache
def load(dtype):
    """Load the passes for a type; None where there are none of this source, which is said once."""
    for processor in processors():
        path = names.library_file(processor, str(dtype).removeprefix("torch."))
        if path.is_file():
            return ctypes.CDLL(str(path))
    logging.getLogger("eegsep").warning(
        "eegsep has no compiled passes, for want of a C compiler when it was installed, or because "
        "its sources have changed since: networks are trained in plain torch, which takes up to "
        "four times as long. Install a C compiler, and eegsep anew."
    )
    return None


def run(arguments, **passes):
    """Call passes, named with how many parts of work each has, each on the caller's threads.

    They take, by name, numbers and contiguous tensors; ``x`` says how large the work is.
    """
    x, one = arguments["x"], _Pass()
    for field, value in arguments.items():
        setattr(one, field, value.data_ptr() if isinstance(value, torch.Tensor) else value)
    one = ctypes.byref(one)
    for name, n in passes.items():
        in_parts(partial(_call, getattr(load(x.dtype), name), one), n, x.numel())


def _call(function, one, first, last):
    if function(one, ctypes.c_ssize_t(first), ctypes.c_ssize_t(last)):
        raise MemoryError("no memory for a pass over some trials")
