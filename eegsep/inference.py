"""A network folded for inference, always as its weights and layers are now.

Folding takes longer than a window does; looking through a few thousand weights takes less.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.nn.modules import module as torch_module

from . import spatial_first


class _State(NamedTuple):
    """What a network's output depends on."""

    layers: list
    constants: list
    shapes: list
    values: torch.Tensor

    def equals(self, other):
        return (
            other is not None
            and self.layers == other.layers
            and self.constants == other.constants
            and self.shapes == other.shapes
            and self.values.dtype == other.values.dtype
            and self.values.device == other.values.device
            and torch.equal(self.values, other.values)
        )


@torch.no_grad()
def _state_of(net):
    """State of a network; None where something is hooked into it."""
    if torch_module._has_any_global_hook():
        return None
    layers, constants, tensors, waiting = [], [], [], [net]
    # torch's own iterators take longer than the convolutions of a window
    while waiting:
        layer = waiting.pop()
        holds = layer.__dict__
        if holds["_forward_hooks"] or holds["_forward_pre_hooks"] or "forward" in holds:
            return None
        layers.append((layer, layer.__class__))
        constants.append((holds.get("eps"), holds.get("pool1"), holds.get("pool2")))
        tensors += holds["_parameters"].values()
        tensors += holds["_buffers"].values()
        waiting += holds["_modules"].values()
    tensors = [tensor for tensor in tensors if tensor is not None and tensor.is_floating_point()]
    shapes = [tensor.shape for tensor in tensors]
    return _State(layers, constants, shapes, torch.cat([tensor.flatten() for tensor in tensors]))


class Folding:
    """Folds a network, and anew when anything has changed that its output depends on.

    Weights may be changed by an optimiser, ``load_state_dict``, ``.data`` or a numpy view: so the
    values themselves are compared, and the layers with them.

    Parameters
    ----------
    layers : str
        The ``repr`` of the network as it was made: one with other layers is not folded.
    """

    def __init__(self, layers):
        self._layers = layers
        self._kept = None, None

    def __call__(self, net):
        """Fold a network.

        Parameters
        ----------
        net : torch.nn.Module

        Returns
        -------
        folded : eegsep.spatial_first.Folded | None
            None where only the network's own ``forward`` will do: layers have been exchanged or
            changed, converted to another type than float32, or have hooks.
        """
        state = _state_of(net)
        if state is None:
            return None
        kept, folded = self._kept
        if not state.equals(kept):
            can_be_folded = state.values.dtype == torch.float32 and repr(net) == self._layers
            folded = spatial_first.Folded(net) if can_be_folded else None
            self._kept = state, folded
        return folded

    def __getstate__(self):
        """Leave behind what can be folded again."""
        return {"_layers": self._layers, "_kept": (None, None)}
