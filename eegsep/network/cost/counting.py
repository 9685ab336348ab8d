"""What a module costs, counted on its layers while it runs.

Independent of the formulas.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import torch
from torch import nn

from eegsep.network.settings import settled

from .formulas import Cost

_COUNTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


class _Call(NamedTuple):
    """A layer that ran, and what it ran on."""

    name: str
    module: nn.Module
    input: torch.Tensor
    output: torch.Tensor


def run_layers(module, input_size, batch_size=1):
    """Run a module on zeros in inference mode; return the calls of its layers with parameters."""
    calls, handles = [], []
    for name, layer in module.named_modules():
        own = dict(layer.named_parameters(recurse=False))
        if not own:
            continue
        if not isinstance(layer, _COUNTED) and any(p.ndim > 1 for p in own.values()):
            raise TypeError(
                f"Multiply-adds of {name or 'the module'}, a {type(layer).__name__}, are not known "
                "here: only those of convolutions and linear layers are"
            )

        def keep(layer, inputs, output, name=name):
            calls.append(_Call(name, layer, inputs[0], output))

        handles.append(layer.register_forward_hook(keep))
    first = next(module.parameters())
    x = torch.zeros(batch_size, *input_size, dtype=first.dtype, device=first.device)
    modes = {layer: layer.training for layer in module.modules()}
    module.eval()
    try:
        with torch.inference_mode():
            module(x)
    finally:
        for layer, mode in modes.items():
            layer.training = mode
        for handle in handles:
            handle.remove()
    return calls


def _multiply_adds(call):
    """Multiply-adds of a call: for each number of output, the weights of an output channel."""
    if not isinstance(call.module, _COUNTED):
        return 0
    return call.output.numel() * call.module.weight[0].numel()


@settled()
def count_layers(module, input_size, batch_size=1):
    """Costs of a module's layers, counted while it runs.

    Parameters
    ----------
    module : torch.nn.Module
        Of convolutions, linear layers, and layers without weights of more than one axis. Its state
        does not change.
    input_size : tuple of int
        Shape of an input, without the batch.
    batch_size : int
        Inputs at once: they share the reading of the weights.

    Returns
    -------
    costs : pandas.DataFrame
        For each layer with parameters, in the order in which they run: ``layer`` (its name),
        ``input, kernel, output`` (shapes, without the batch), ``parameters``, ``multiply_adds`` (of
        one input), ``bytes`` (input and parameters read and output written once, of the batch) and
        ``intensity`` (FLOP a byte).

    Raises
    ------
    TypeError
        If a layer is of another kind.

    Examples
    --------
    >>> import torch
    >>> from eegsep.network.cost import count_layers
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.ReLU())
    >>> count_layers(net, (3, 5, 5))[["layer", "output", "multiply_adds"]]
      layer     output  multiply_adds
    0     0  (8, 3, 3)           1944
    """
    rows, seen = [], set()
    for call in run_layers(module, input_size, batch_size):
        parameters = list(call.module.parameters(recurse=False))
        n_parameters = sum(p.numel() for p in parameters)
        n_moved = call.input.numel() + call.output.numel() + n_parameters
        n_bytes = n_moved * call.output.element_size()
        multiply_adds = _multiply_adds(call)
        rows.append(
            {
                "layer": call.name,
                "input": tuple(call.input.shape[1:]),
                "kernel": tuple(call.module.weight.shape) if multiply_adds else (),
                "output": tuple(call.output.shape[1:]),
                "parameters": 0 if call.module in seen else n_parameters,
                "multiply_adds": multiply_adds // batch_size,
                "bytes": n_bytes,
                "intensity": 2 * multiply_adds / n_bytes,
            }
        )
        seen.add(call.module)
    return pd.DataFrame(rows)


@settled()
def count(module, input_size):
    """Cost of a module for one input, counted while it runs.

    Parameters
    ----------
    module : torch.nn.Module
        As in :func:`count_layers`.
    input_size : tuple of int
        Shape of an input, without the batch.

    Returns
    -------
    cost : Cost

    Raises
    ------
    TypeError
        As in :func:`count_layers`.

    Examples
    --------
    >>> import torch
    >>> from eegsep.network.cost import count
    >>> count(torch.nn.Conv2d(3, 8, 3, bias=False), (3, 5, 5))
    Cost(parameters=216, multiply_adds=1944)
    """
    parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
    return Cost(parameters, sum(map(_multiply_adds, run_layers(module, input_size))))
