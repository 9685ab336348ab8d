"""Trials on their way to the network: centred, scaled, and put on its device in batches.

What fits there is put once; what would fill the memory is converted as a batch is taken.
"""

from __future__ import annotations

import numpy as np
import torch

from eegsep._utils.chunks import CHUNK_BYTES, chunks

# Above this size trials are not kept in float32 but converted a batch at a time.
CACHE_BYTES = 2 * 2**30
# Of an accelerator's free memory, the share that trials may fill.
DEVICE_SHARE = 0.5


def to_device(tensor, device):
    """Copy a tensor of the CPU to a device, without waiting for what is computed there.

    Parameters
    ----------
    tensor : torch.Tensor
    device : torch.device

    Returns
    -------
    copied : torch.Tensor
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def room_on(device):
    """Count the bytes that trials may fill on a device.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    n_bytes : int
        On an accelerator, a share of what is free; ``CACHE_BYTES`` where that is not known.
    """
    if device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return int(DEVICE_SHARE * free)
    module = getattr(torch, device.type, None)  # torch.cuda, torch.xpu
    if hasattr(module, "mem_get_info"):
        return int(DEVICE_SHARE * module.mem_get_info(device)[0])
    return CACHE_BYTES


class Trials:
    """Trials centred and scaled, in the network's type, a batch at a time.

    On an accelerator they are put once, where they fit. On a CPU, trials of float32 that lie in
    order are converted as a batch is taken. So are those that would fill the memory (of a memory
    map, say), on any device; others are converted once.

    Parameters
    ----------
    X : ndarray, shape (n_trials, n_chans, n_times)
        Trials in their own unit.
    index : ndarray of int, shape (n_used,)
        Positions of the trials to use.
    center, scale : ndarray, shape (n_chans,)
        What to subtract from each channel, and then to divide it by.
    device : torch.device
        Where batches go.

    Attributes
    ----------
    positions : ndarray of int, shape (n_used,)
        ``index``.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from eegsep.training import Trials
    >>> X = np.random.default_rng(0).normal(size=(20, 4, 64)).astype(np.float32)
    >>> trials = Trials(X, np.arange(20), np.zeros(4), np.ones(4), torch.device("cpu"))
    >>> trials.batch(torch.tensor([0, 3])).shape
    torch.Size([2, 4, 64])
    """

    def __init__(self, X, index, center, scale, device):
        # integers are centred in float64, and so is float64: volts and microvolts end on the same
        dtype = np.float32 if X.dtype == np.float32 else np.float64
        self._X = X
        self.positions = index
        self._center = np.ascontiguousarray(center, dtype)[:, np.newaxis]
        self._scale = np.ascontiguousarray(scale, dtype)[:, np.newaxis]
        self._device = device
        self._converted = None
        self._in_place = X.dtype == np.float32 and X.flags.c_contiguous
        at_once = not self._in_place or device.type != "cpu"
        if not at_once or len(index) * X[0].size * 4 > room_on(device):
            return
        if len(index) * X[0].nbytes <= CHUNK_BYTES:
            self._converted = self._convert(X[index]).to(device)
            return
        self._converted = torch.empty((len(index), *X.shape[1:]), device=device)
        start = 0
        for part in chunks(X, index):
            self._converted[start : start + len(part)] = self._convert(part)
            start += len(part)

    def _convert(self, part):
        part = np.asarray(part, dtype=self._center.dtype) - self._center
        with np.errstate(over="ignore"):  # what overflows is refused where it shows: in the outputs
            part /= self._scale
            return torch.from_numpy(part.astype(np.float32, copy=False))

    def __len__(self):
        return len(self.positions)

    def batch(self, indices):
        """Take some trials.

        Parameters
        ----------
        indices : torch.Tensor of int, shape (B,)
            Their positions among the trials used.

        Returns
        -------
        x : torch.Tensor, shape (B, n_chans, n_times)
        """
        if self._converted is not None:
            return self._converted.index_select(0, indices.to(self._device))
        x = torch.empty(len(indices), *self._X.shape[1:])
        positions = self.positions[indices.cpu().numpy()]
        if self._in_place:
            # clipped: numpy would write to a copy first, to leave x alone where a position is none
            np.take(self._X, positions, axis=0, out=x.numpy(), mode="clip")
            x.sub_(torch.from_numpy(self._center)).div_(torch.from_numpy(self._scale))
        else:
            # one by one: what lies between is then in the processor's cache
            for trial, position in zip(x, positions, strict=True):
                trial.copy_(self._convert(self._X[position]))
        return to_device(x, self._device)

    def batches(self, parts):
        """Take one batch after the other, without waiting for the device in between.

        Parameters
        ----------
        parts : sequence of torch.Tensor of int, shape (B,)
            Positions of each batch's trials, on the CPU.

        Yields
        ------
        indices : torch.Tensor of int, shape (B,)
            A batch's positions, on the device.
        x : torch.Tensor, shape (B, n_chans, n_times)
        """
        sizes = [len(part) for part in parts]
        on_device = to_device(torch.cat(list(parts)), self._device).split(sizes)
        # trials that lie on the CPU are looked for there
        taken = parts if self._converted is None else on_device
        for indices, part in zip(on_device, taken, strict=True):
            yield indices, self.batch(part)
