r"""What convolutions and EEGNet cost: parameters, multiply-adds, bytes, and measured time.

Two independent ways, formulas of the sizes and counts on the module, and what the clock says.

A multiply-add is one product and one sum, two FLOP, in a convolution or a dense layer; the zeros of
padding count, normalisation, ELU and pooling do not (at inference the first is folded into a
convolution), as in the papers.

**The reduction.** A standard convolution from I to N channels with a kernel kh × kw, on S places of
output, takes I · N · kh · kw · S multiply-adds; a depthwise step I · kh · kw · S, a pointwise step
I · N · S. Hence (Howard et al. 2017, section 3.1)

.. math::  \frac{\text{depthwise separable}}{\text{standard}} = \frac{1}{N} + \frac{1}{kh \cdot kw},

the first term the depthwise step's, the second the pointwise step's, for weights and multiply-adds
alike. For a 3 × 3 kernel and many channels that is nearly 1/9; in an early layer, of small N, the
first term takes the gain away.

**Why fewer is not proportionally faster.** A layer that does few operations for each byte it moves
waits for memory. Its *arithmetic intensity*, FLOP over bytes read and written, is compared with the
machine's *balance*, FLOP/s of a matrix product over bytes/s of a copy: below, it is memory-bound
(Williams, Waterman & Patterson 2009, the roofline model). Depthwise steps mostly are.
"""

from eegsep._utils.names import names_of

_HOMES = {
    "Cost": "eegsep.network.cost.formulas",
    "cost": "eegsep.network.cost.result",
    "CostResult": "eegsep.network.cost.result",
    "count": "eegsep.network.cost.counting",
    "count_layers": "eegsep.network.cost.counting",
    "eegnet_formula": "eegsep.network.cost.formulas",
    "FAMILY_OPTIONS": "eegsep.network.cost.tables",
    "family_table": "eegsep.network.cost.tables",
    "formula": "eegsep.network.cost.formulas",
    "Machine": "eegsep.network.cost.timing",
    "measure_machine": "eegsep.network.cost.timing",
    "MOBILENET_SIZES": "eegsep.network.cost.tables",
    "network_table": "eegsep.network.cost.tables",
    "output_size": "eegsep.network.cost.formulas",
    "Reduction": "eegsep.network.cost.formulas",
    "reduction": "eegsep.network.cost.formulas",
    "reduction_table": "eegsep.network.cost.tables",
    "say_speed": "eegsep.network.cost.tables",
    "time_in_turns": "eegsep.network.cost.timing",
    "worked_example": "eegsep.network.cost.tables",
}

__all__ = [*_HOMES]

__getattr__, __dir__ = names_of(__name__, _HOMES)
