"""What pickle, copies and skops hold of a classifier; pickles of earlier versions load too."""

from __future__ import annotations

import copyreg
import json
from copy import deepcopy

import torch

from eegsep.files.plain import Packer, unpack

from . import maps
from .restoring import restore
from .state import LATER_FLAGS, to_plain

# Of fits that were pickled before, and of no use.
_FORMER_ATTRIBUTES = ("drawn_share_",)


class Pickled:
    """A classifier's protocols of pickle and of skops."""

    def __reduce_ex__(self, protocol):
        # what pickles and copies hold: module_ itself, whatever has become of it
        state = vars(self).copy()
        # a model trained on a GPU is to load where there is none
        if "module_" in state and next(state["module_"].parameters()).device.type != "cpu":
            state["module_"] = deepcopy(state["module_"]).cpu()
            state["_optimizer_state"] = _on_cpu(state["_optimizer_state"])
        return copyreg.__newobj__, (type(self),), state

    def __getstate__(self):
        # for those who keep no objects of torch's, such as skops
        packer = Packer()
        document = json.dumps(packer.pack(to_plain(self)))
        return {"plain": document, "arrays": packer.arrays}

    def __setstate__(self, state):
        if "plain" in state:
            document = unpack(json.loads(state["plain"]), dict(state["arrays"]))
            from .classifier import EEGNetClassifier

            restore(self, document, EEGNetClassifier)
            return
        if "algorithm" not in state:  # pickled when that was called evaluation
            state = {**state, "algorithm": state["evaluation"], "evaluation": "deprecated"}
            if "evaluation_" in state:
                state["algorithm_"] = state.pop("evaluation_")
        if "module_" in state:
            state = dict.fromkeys(LATER_FLAGS, False) | state
        super().__setstate__({k: v for k, v in state.items() if k not in _FORMER_ATTRIBUTES})
        if hasattr(self, "_maps") and not hasattr(self, "_temporal_filters"):
            self._temporal_filters = maps.scaled_kernels(self, self._maps)


def _on_cpu(state):
    """Copy nested dicts and lists with their tensors on the CPU."""
    if isinstance(state, torch.Tensor):
        return state.cpu()
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_on_cpu(value) for value in state)
    return state
