"""Networks side by side: whether one adds something to another, and what cannot stand there."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from eegsep import EEGNet
from eegsep.network.side_by_side import side_by_side, surely_adds


class TestStartBesideRandomWeights:
    @pytest.mark.parametrize("n_trials", [40, 2000])
    def test_a_network_adds_that_errs_on_other_trials(self, n_trials):
        rng = np.random.default_rng(0)
        onehot, weight = np.eye(2)[np.arange(n_trials) % 2], np.ones(n_trials)
        start, other = onehot + rng.normal(size=(2, n_trials, 2)) / 2
        assert surely_adds(start, other, onehot, weight)
        assert surely_adds(start, 10 * other, onehot, weight)

    @pytest.mark.parametrize("n_trials", [40, 2000])
    def test_a_network_at_chance_adds_nothing_however_sure_it_is(self, n_trials):
        onehot, weight = np.eye(2)[np.arange(n_trials) % 2], np.ones(n_trials)
        added = 0
        for seed in range(40):
            rng = np.random.default_rng(seed)
            start, other = onehot + rng.normal(size=(2, n_trials, 2)) / 2 * [[[1]], [[10]]]
            added += surely_adds(start, other - onehot, onehot, weight)
        assert added <= 2  # of 40, one side of two standard errors

    def test_the_start_once_more_adds_nothing(self):
        rng = np.random.default_rng(2)
        onehot = np.eye(2)[np.arange(2000) % 2]
        scores = onehot + rng.normal(size=(2000, 2)) / 2
        model = LogisticRegression(C=np.inf, fit_intercept=False).fit(np.diff(scores), onehot[:, 1])
        start = model.coef_[0, 0] * scores
        assert not surely_adds(start, start, onehot, np.ones(2000))

    def test_networks_of_other_convolutions_cannot_stand_side_by_side(self):
        nets = [EEGNet(3, 128, 2, spatial="standard") for _ in range(2)]
        with pytest.raises(ValueError, match="published convolutions"):
            side_by_side(nets, (0.5, 0.5))
