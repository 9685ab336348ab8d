"""Controls: fits that learn nothing of the classes."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from eegsep.inspection.controls import label_shuffled, untrained
from eegsep.inspection.folds import shuffle_labels
from tests.conftest import make_trials
from tests.inspection.conftest import small


@pytest.mark.parametrize("init", ["glorot", "induced"])
def test_an_untrained_network_keeps_its_initial_weights_and_normalises_the_data(init):
    X, y = make_trials(20)
    clf = small(init=init, kernel_length=8, max_epochs=5)
    fitted = untrained(clf, X, y, random_state=3)
    rng = np.random.RandomState(3)
    seed = rng.randint(2**31 - 1)
    start = clone(clf).set_params(max_epochs=0, random_state=seed)
    start.fit(X, shuffle_labels(y, random_state=rng))
    for one, other in zip(fitted.module_.parameters(), start.module_.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-25)
    net = fitted.module_
    scaled = (X - fitted.center_[:, None]) / fitted.scale_[:, None]
    filtered = net.temporal(torch.tensor(scaled, dtype=torch.float32)[:, None])
    torch.testing.assert_close(
        net.temporal_norm.running_var, filtered.var(dim=(0, 2, 3)), rtol=1e-3, atol=1e-5
    )


def test_an_untrained_network_knows_nothing_of_the_classes_where_its_start_would():
    X, y = make_trials(60)
    clf = small(init="induced", max_epochs=1, kernel_length=8)
    assert clone(clf).fit(X[:40], y[:40]).score(X[40:], y[40:]) == 1
    controls = [untrained(clf, X[:40], y[:40], random_state=r) for r in range(8)]
    assert np.mean([clf.score(X[40:], y[40:]) for clf in controls]) == pytest.approx(0.5, abs=0.2)


def test_shuffling_leaves_the_labels_as_they_are():
    X, y = make_trials(20)
    before = y.copy()
    label_shuffled(make_pipeline(small()), X, y)
    np.testing.assert_array_equal(y, before)
