"""How many floating-point operations a training step is, in either order of evaluation."""

import math

from eegsep.network import spatial_first


def step_operations(net, batch_size, *, spatially_first):
    r"""Count the floating-point operations of one training step.

    The count is of the algorithm, not of an implementation. A multiply-add is two operations. A
    convolution or matrix product counts once forward, once for the gradient of its weights, and
    once for that of its input, which the first one in the network does without. Spatial-first, a
    real Fourier transform of n values counts :math:`2.5 n \log_2 n`, a product of two complex
    numbers six and with its sum eight. A value that is normalised takes 6 operations forward (mean,
    centring, square, sum, scale, shift) and 7 backward (two sums, a product, and two differences, a
    product and a scale); ELU and pooling together 3 and 1 more. Dropout, the optimiser and the
    gathering of a batch are not counted.

    Parameters
    ----------
    net : eegsep.EEGNet
    batch_size : int
        Windows in the batch.
    spatially_first : bool
        Order of evaluation.

    Returns
    -------
    operations : dict of float
        ``products`` (of matrices, and convolutions), ``transforms`` (with the products of
        spectra), ``elementwise`` (normalisation, ELU, pooling).
    """
    n_maps, n_groups = net.spatial.weight.shape[:2]
    length, n_pooled = net.kernel_length, net.n_times // net.pool1
    n_inputs = net.n_chans * net.n_times  # in a window
    spatial = 2 * n_maps * n_groups * n_inputs
    products = 3 * 2 * net.classifier.weight.numel()
    elementwise = 17 * (n_maps * net.n_times + net.F2 * n_pooled)
    transforms = 0.0
    if net.separable_kind == "standard":
        products += 3 * 2 * net.separable_standard.weight.numel() * n_pooled
    else:
        products += 3 * 2 * net.pointwise.weight.numel() * n_pooled
    once = 0.0  # for the batch rather than for each window

    if spatially_first:
        products += 2 * spatial
        once = 2 * 2 * net.F1 * length**2
        transforms += _transform_operations(n_maps, n_groups, net.n_times, length)
    else:
        products += 2 * 2 * net.F1 * n_inputs * length + 3 * spatial
        elementwise += 13 * net.F1 * n_inputs
    if net.separable_kind == "separable":
        if spatially_first:
            transforms += _transform_operations(n_maps, 1, n_pooled, net.separable_kernel_length)
        else:
            products += 3 * 2 * net.separable_depthwise.weight.numel() * n_pooled
    return {
        "products": float(batch_size * products + once),
        "transforms": float(batch_size * transforms),
        "elementwise": float(batch_size * elementwise),
    }


def _transform_operations(n_maps, n_groups, n_times, length):
    """Operations of the convolutions along time of a block, for a window."""
    n_fft = spatial_first.fft_length(n_times + length // 2)
    n_bins = n_fft // 2 + 1
    n_signals = n_maps * n_groups
    # forward: the signals there, the maps back; backward: the errors there, the signals' back
    n_transforms = 2 * (n_signals + n_maps)
    # with the kernels, with the kernels' gradient, with the signals' gradient
    n_operations = 6 * n_signals + 2 * (n_signals - n_maps) + 8 * n_signals + 6 * n_signals
    return n_transforms * 2.5 * n_fft * math.log2(n_fft) + n_operations * n_bins
