"""Relevance and attributions against losses and log-odds of the whole network."""

import numpy as np
import pytest
import torch

from eegsep.inspection.worth import integrated_gradients, relevance
from tests.conftest import make_trials
from tests.inspection.conftest import centred, small


def test_silenced_relevance_is_the_rise_of_the_loss_without_the_component(fitted):
    clf, X, y = fitted
    net, index = clf.module_, np.searchsorted(clf.classes_, y)
    x = torch.from_numpy((centred(clf, X) / clf.scale_[:, np.newaxis]).astype(np.float32))
    criterion = torch.nn.CrossEntropyLoss(reduction="none")

    def losses(hook=None):
        handle = net.dropout1.register_forward_hook(hook or (lambda *_: None))
        with torch.no_grad():
            found = criterion(net(x), torch.from_numpy(index)).numpy()
        handle.remove()
        return found

    def silence(module, args, out):
        out = out.clone()
        out[:, 2] = out[:, 2].mean(dim=0)
        return out

    rise = losses(silence) - losses()
    expected = [rise[index == c].mean() for c in (0, 1)]
    found = relevance(clf, X, y, method="silence")
    np.testing.assert_allclose(found[2], expected, rtol=1e-3, atol=1e-5)


def test_a_component_that_goes_nowhere_has_no_relevance():
    X, y = make_trials(30)
    clf = small(F1=2, max_epochs=20, lr=0.01).fit(X, y)
    with torch.no_grad():
        clf.module_.pointwise.weight[:, 1] = 0
    found = relevance(clf, X, y)
    np.testing.assert_allclose(found[1], 0, atol=1e-9)
    assert (np.abs(found[0]) > 1e-9).all()


def test_what_decides_is_relevant(fitted):
    """Permuted decisive components leave a loss above that of the whole network."""
    assert relevance(*fitted).max() > 0.01


def test_a_class_without_trials_has_no_relevance(fitted):
    clf, X, y = fitted
    found = relevance(clf, X[y == "left_hand"], y[y == "left_hand"])
    assert np.isnan(found[:, 1]).all()
    assert np.isfinite(found[:, 0]).all()


def test_relevance_refuses_unknown_labels(fitted):
    with pytest.raises(ValueError, match="not among the classes"):
        relevance(fitted[0], fitted[1], np.repeat("feet", 40))


@pytest.mark.parametrize("domain", ["time", "frequency"])
@pytest.mark.parametrize("algorithm", ["published", "spatial_first"])
def test_attributions_sum_to_the_change_of_the_log_odds(algorithm, domain):
    X, y = make_trials(30)
    clf = small(max_epochs=20, lr=0.01, algorithm=algorithm).fit(X, y)
    found = integrated_gradients(clf, X, np.repeat("right_hand", 30), domain=domain)
    nothing = np.zeros_like(X) + clf.center_[:, np.newaxis]
    expected = clf.decision_function(X) - clf.decision_function(nothing)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), expected, rtol=1e-3, atol=1e-3)


def test_attributions_explain_the_predicted_class(fitted):
    clf, X, _ = fitted
    np.testing.assert_array_equal(
        integrated_gradients(clf, X), integrated_gradients(clf, X, clf.predict(X))
    )
