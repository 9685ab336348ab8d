"""Steps of the optimiser from a start."""

from copy import deepcopy

import numpy as np
import torch

from eegsep import EEGNetClassifier
from eegsep.training.loop import KerasAdam, centred_step, train_step
from tests.network.starts import SFREQ, induced_trials


class TestTrainingFromAStart:
    def test_its_steps_are_those_of_the_network_with_centred_classifier_inputs(self):
        X, y = induced_trials(n_trials=20)
        clf = EEGNetClassifier(init="induced", sfreq=SFREQ, max_epochs=0).fit(X, y)
        scaled = (X - clf.center_[:, np.newaxis]) / clf.scale_[:, np.newaxis]
        x, target = torch.from_numpy(scaled), torch.from_numpy(np.searchsorted(clf.classes_, y))
        net, centred = deepcopy(clf.module_).double(), deepcopy(clf.module_).double()
        offset = net.separable_norm.bias.detach()
        mean = offset.repeat_interleave(net.classifier.in_features // len(offset))
        assert mean.min() > 0  # where an ELU is the identity
        with torch.no_grad():
            centred.classifier.bias += centred.classifier.weight @ mean
        centred.classifier.register_forward_pre_hook(lambda _, inputs: (inputs[0] - mean,))
        for each, step in ((net, centred_step), (centred, train_step)):
            each.train().separable_norm.bias.requires_grad_(False)
            optimizer = KerasAdam((p for p in each.parameters() if p.requires_grad), lr=1e-3)
            for _ in range(5):
                step(each, optimizer, x, target, torch.ones(len(x)))
            each.eval()
        assert not torch.allclose(net(x), deepcopy(clf.module_).double().eval()(x), atol=1e-3)
        torch.testing.assert_close(net(x), centred(x), atol=1e-9, rtol=1e-9)
