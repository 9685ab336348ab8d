"""The network against a Keras 3 EEGNet, built here from the paper and run on Keras's torch backend.

In float64, so that what differs is the definition and not the rounding.
"""

import keras
import numpy as np
import pytest
import torch

from eegsep import EEGNet
from eegsep.network import from_keras, to_keras
from eegsep.training import loop

SIZES = {
    "even kernels": {"n_chans": 5, "n_times": 96, "n_outputs": 3, "kernel_length": 32},
    "odd kernels, tail after pooling": {
        "n_chans": 3,
        "n_times": 101,
        "n_outputs": 2,
        "kernel_length": 25,
        "separable_kernel_length": 7,
        "F1": 4,
        "D": 3,
        "F2": 6,
    },
}


@pytest.fixture(autouse=True)
def _double(monkeypatch):
    from keras.src.layers.normalization import batch_normalization

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    # Keras's normalisation goes down to float32 by itself, whatever the network's type
    monkeypatch.setattr(batch_normalization.backend, "result_type", lambda *_: "float64")
    yield
    keras.config.set_floatx(before)


def keras_eegnet(
    n_chans, n_times, n_outputs, kernel_length, F1=8, D=2, F2=None, separable_kernel_length=16
):
    """EEGNet by the paper's table 2, dropout 0."""
    layers = keras.layers
    max_norm = keras.constraints.MaxNorm
    F2 = F1 * D if F2 is None else F2

    def norm():
        return layers.BatchNormalization(momentum=0.99, epsilon=1e-3)

    window = layers.Input((n_chans, n_times, 1))
    x = layers.Conv2D(F1, (1, kernel_length), padding="same", use_bias=False)(window)
    x = norm()(x)
    x = layers.DepthwiseConv2D(
        (n_chans, 1), depth_multiplier=D, use_bias=False, depthwise_constraint=max_norm(1.0)
    )(x)
    x = layers.Activation("elu")(norm()(x))
    x = layers.AveragePooling2D((1, 4))(x)
    size = (1, separable_kernel_length)
    x = layers.SeparableConv2D(F2, size, padding="same", use_bias=False)(x)
    x = layers.Activation("elu")(norm()(x))
    x = layers.AveragePooling2D((1, 8))(x)
    x = layers.Flatten()(x)
    logits = layers.Dense(n_outputs, kernel_constraint=max_norm(0.25))(x)
    return keras.Model(window, logits)


@pytest.fixture(params=SIZES)
def both(request):
    """A Keras network and ours with the same weights, some data, and labels."""
    sizes = SIZES[request.param]
    model = keras_eegnet(**sizes)
    rng = np.random.default_rng(0)
    weights = [
        # normalisations that are not at rest
        rng.uniform(0.5, 1.5, size=w.shape) if w.ndim == 1 else rng.normal(0, 0.2, size=w.shape)
        for w in model.get_weights()
    ]
    # spatial and dense weights on the border of their constraints
    weights[5] /= np.linalg.norm(weights[5], axis=0)
    weights[16] /= 4 * np.linalg.norm(weights[16], axis=0)
    model.set_weights(weights)
    net = from_keras(EEGNet(**sizes, drop_prob=0.0).double(), model.get_weights())
    X = rng.normal(size=(24, sizes["n_chans"], sizes["n_times"]))
    y = rng.integers(sizes["n_outputs"], size=24)
    return model, net, torch.from_numpy(X), torch.from_numpy(y)


def run_keras(model, X, *, training):
    return torch.as_tensor(model(X.unsqueeze(-1), training=training)).detach()


def test_same_outputs_in_inference(both):
    model, net, X, _ = both
    with torch.no_grad():
        ours = net.eval()(X)
    torch.testing.assert_close(ours, run_keras(model, X, training=False), atol=1e-5, rtol=0)


def test_same_outputs_in_inference_in_single_precision(both):
    model, net, X, _ = both
    with torch.no_grad():
        ours = net.float().eval()(X.float()).double()
    torch.testing.assert_close(ours, run_keras(model, X, training=False), atol=1e-5, rtol=0)


def test_same_outputs_in_training_mode(both):
    model, net, X, _ = both
    ours = net.train()(X).detach()
    torch.testing.assert_close(ours, run_keras(model, X, training=True), atol=1e-5, rtol=0)


def test_same_batch_normalisation_statistics(both):
    model, net, X, _ = both
    before = to_keras(net)
    run_keras(model, X, training=True)
    net.train()(X)
    after, expected = to_keras(net), model.get_weights()
    n_trials, n_chans, n_times = X.shape
    n_values = n_trials * np.array([n_chans * n_times, n_times, n_times // 4])
    for first, n in zip((1, 6, 12), n_values, strict=True):
        mean, variance = first + 2, first + 3
        np.testing.assert_allclose(after[mean], expected[mean], atol=1e-10)
        # torch, braindecode and TensorFlow's fused kernel keep n / (n - 1); Keras on torch does not
        step = (expected[variance] - 0.99 * before[variance]) * n / (n - 1)
        np.testing.assert_allclose(after[variance], 0.99 * before[variance] + step, atol=1e-10)


def test_same_weights_after_twenty_adam_steps_with_max_norm(both):
    model, net, X, y = both
    optimizer = keras.optimizers.Adam(learning_rate=0.001)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    ours = loop.KerasAdam(net.parameters(), lr=0.001)
    weight = torch.ones(len(y), dtype=X.dtype)
    start = to_keras(net)
    net.train()
    for _ in range(20):
        model.zero_grad()
        loss_of(y, model(X.unsqueeze(-1), training=True)).backward()
        with torch.no_grad():
            optimizer.apply([v.value.grad for v in model.trainable_variables])
        loop.train_step(net, ours, X, y, weight)
    trained = to_keras(net)
    variances = {4, 9, 15}  # see the test above
    for i in set(range(18)) - variances:
        np.testing.assert_allclose(
            trained[i], model.get_weights()[i], atol=1e-4, err_msg=f"array {i}"
        )
    spatial, dense = 5, 16
    assert np.abs(trained[spatial] - start[spatial]).max() > 0.005, "hardly moved"
    for i, bound in ((spatial, 1), (dense, 0.25)):
        norms = np.linalg.norm(trained[i], axis=0)
        assert norms.max() <= bound + 1e-5
        assert norms.max() > 0.99 * bound, "the constraint was never near"
