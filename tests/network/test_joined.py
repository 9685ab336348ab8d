"""Networks side by side: what they compute together, and what cannot stand there."""

import numpy as np
import pytest
import torch

from eegsep import EEGNet
from eegsep.network.joined import side_by_side


def drawn(seed, **parameters):
    generator = torch.Generator().manual_seed(seed)
    net = EEGNet(3, 128, 2, generator=generator, **parameters)
    with torch.no_grad():  # normalisations that do something
        for norm in (net.temporal_norm, net.spatial_norm, net.separable_norm):
            for values in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
                values.copy_(torch.rand(len(values), generator=generator) + 0.5)
    return net.double().eval()


@pytest.mark.parametrize("algorithm", ["published", "spatial_first"])
def test_logits_are_the_weighted_sum_of_those_of_both(algorithm):
    nets = [drawn(0, F1=2, algorithm=algorithm), drawn(1, F1=4, F2=5, algorithm=algorithm)]
    both = side_by_side(nets, (0.3, 0.7))
    assert (both.F1, both.F2) == (6, 9)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(7, 3, 128)))
    with torch.no_grad():
        expected = 0.3 * nets[0](x) + 0.7 * nets[1](x)
        torch.testing.assert_close(both(x), expected, rtol=1e-9, atol=1e-10)


def test_networks_of_other_convolutions_cannot_stand_side_by_side():
    nets = [EEGNet(3, 128, 2, spatial="standard") for _ in range(2)]
    with pytest.raises(ValueError, match="published convolutions"):
        side_by_side(nets, (0.5, 0.5))
