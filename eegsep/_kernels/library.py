"""The compiled passes of ``kernels.c``, for this processor, where an installation could build them.

They are called on tensors, by name, and let other threads compute meanwhile.
"""

from __future__ import annotations

import ctypes
import logging
from functools import cache
from pathlib import Path

import torch

from ..threads import in_parts

# Kinds of processors that passes are compiled for, the best first, as torch calls them.
LEVELS = "AVX512", "AVX2", "DEFAULT"

# As in kernels.c, which says what they are.
_NUMBERS = """
n_trials n_chans n_times n_maps n_blocks n_out n_out_blocks length left n_fft n_passes pool n_pooled
together n_parts
"""
_ARRAYS = """
radices starts twiddles x weight transfer spectra kernels reversed pointwise transposed y means
squares norm pooled slopes grad sums grad_x cross grad_weight grad_kernels grad_pointwise
"""


class _Pass(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_ssize_t) for name in _NUMBERS.split()),
        *((name, ctypes.c_void_p) for name in _ARRAYS.split()),
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
    level = torch.backends.cpu.get_cpu_capability()
    for name in LEVELS[LEVELS.index(level) if level in LEVELS else -1 :]:
        path = Path(__file__).with_name(f"kernels-{name}-{str(dtype).removeprefix('torch.')}.so")
        if path.is_file():
            return ctypes.CDLL(str(path))
    logging.getLogger("eegsep").warning(
        "eegsep was installed without its compiled passes, for want of a C compiler: networks "
        "train several times as slowly in plain torch. Install a compiler and eegsep anew."
    )
    return None


def run(name, n, **arguments):
    """Call a pass, on the caller's threads.

    Parameters
    ----------
    name : str
        Of a function of ``kernels.c``.
    n : int
        How many parts of the work there are.
    **arguments : int | torch.Tensor | None
        Fields of the structure ``Pass``. Of its arrays ``x`` says how large the work is.
    """
    x = arguments["x"]
    function = getattr(load(x.dtype), name)
    fields = {k: a.data_ptr() if isinstance(a, torch.Tensor) else a for k, a in arguments.items()}
    one = ctypes.byref(_Pass(**fields))

    def part(first, last):
        if function(one, ctypes.c_ssize_t(first), ctypes.c_ssize_t(last)):
            raise MemoryError(f"no memory for a part of {len(x)} trials")

    in_parts(part, n, x.numel())
