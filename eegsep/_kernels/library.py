"""The compiled passes of ``kernels.c``, for this processor, where an installation could build them.

They are called by name, with tensors, and let other threads compute meanwhile.
"""

from __future__ import annotations

import ctypes
import logging
from functools import cache

import torch

from eegsep.network.threads import in_parts

from . import names

# Of fewer values that are filtered, threads wait for each other longer than they compute.
WORTH_PARTS = 2**17


class _Norm(ctypes.Structure):
    """As in kernels.c, which says what each is."""

    _tensors = "gain bias running_mean running_var n_batches"
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _tensors.split()),
        *((name, ctypes.c_double) for name in ("eps", "momentum")),
        *((name, ctypes.c_void_p) for name in ("grad_gain", "grad_bias")),
    )


class _Pass(ctypes.Structure):
    """As in kernels.c, which says what each is."""

    _numbers = """
    n_trials n_chans n_times n_maps n_out n_kernels n_seen length left n_fft n_passes pool n_pooled
    together n_parts threshold
    """
    _arrays = """
    radices twiddles x weight kernels pointwise lag_sums lag_products folded folding shift maps y
    spectra means squares pooled drawn slopes grad kept_grad sums part_weight part_kernels
    part_pointwise grad_x grad_weight grad_kernels grad_pointwise columns lags
    """
    _fields_ = (
        *((name, ctypes.c_ssize_t) for name in _numbers.split()),
        ("kept_scale", ctypes.c_double),
        ("norm", _Norm),
        ("folded_norm", _Norm),
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


class Passes:
    """Passes of one type, and what they take, by name: numbers and contiguous tensors.

    Parameters
    ----------
    dtype : torch.dtype
    **arguments : int | float | torch.Tensor | None

    Attributes
    ----------
    sizes : ctypes.Structure
        What they take, arrays as addresses.
    lanes : int
        How many maps lie beside each other.
    """

    def __init__(self, dtype, **arguments):
        self._library, self.sizes, self._arrays = load(dtype), _Pass(), {}
        self.lanes = self._library.lanes()
        self.take(**arguments)

    def blocks(self, n_maps):
        """Count the blocks that hold so many maps."""
        return -(-n_maps // self.lanes)

    def take(self, **arguments):
        """Set more of what passes take."""
        for name, value in arguments.items():
            if isinstance(value, torch.Tensor):
                self._arrays[name] = value  # which is not to end before
                value = value.data_ptr()
            setattr(self.sizes, name, value)

    def take_norm(self, name, norm, gain, bias):
        """Set a normalisation, with a gain and a bias."""
        tensors = gain, bias, norm.running_mean, norm.running_var, norm.num_batches_tracked
        momentum = -1 if norm.momentum is None else norm.momentum
        setattr(self.sizes, name, _Norm(*map(torch.Tensor.data_ptr, tensors), norm.eps, momentum))

    def take_norm_gradients(self, name, gain, bias):
        """Set where the gradients of a normalisation go."""
        norm = getattr(self.sizes, name)
        norm.grad_gain, norm.grad_bias = gain.data_ptr(), bias.data_ptr()

    def run(self, name, n_parts, n_values=0):
        """Call a pass of so many parts, on the caller's threads where these are of many values."""
        function, one = getattr(self._library, name), ctypes.byref(self.sizes)

        def call(first, last):
            if function(one, ctypes.c_ssize_t(first), ctypes.c_ssize_t(last)):
                raise MemoryError("no memory for a pass over some trials")

        if n_values < WORTH_PARTS:
            call(0, n_parts)
        else:
            in_parts(call, n_parts)
