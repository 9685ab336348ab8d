"""Paradigms that re-reference recordings before anything else.

To the average, or to some electrodes, by MNE.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from operator import methodcaller

from eegsep._utils.errors import RequestError


def with_eeg_reference(paradigm, eeg_reference):
    """Make a paradigm re-reference recordings, all electrodes of them, before anything else.

    What the reference electrode picks up is in every channel, with the same sign: it can hide
    rhythms of one side of the head. The average of many electrodes has little signal of its own.

    The reference is the average of all good EEG electrodes (``"average"``), or of these (a sequence
    of str), by MNE's ``set_eeg_reference``; anything else is a RequestError. The paradigm is not
    changed: what is returned is of the same name, with the attribute ``eeg_reference``, in place of
    a reference that it had.
    """
    if not isinstance(eeg_reference, (str, Mapping)) and isinstance(eeg_reference, Iterable):
        eeg_reference = list(eeg_reference)
        known = bool(eeg_reference) and all(
            isinstance(each, str) and each for each in eeg_reference
        )
    else:
        known = eeg_reference == "average"
    if not known:
        raise RequestError(
            f"the EEG reference is 'average' or a list of electrodes, not {eeg_reference!r}."
        )
    kind = getattr(paradigm, "rereferenced", type(paradigm))
    return _rereferencing(kind, {**vars(paradigm), "eeg_reference": eeg_reference})


class _Rereferencing:
    """A mixin of a paradigm's class, ``rereferenced``: MNE's ``set_eeg_reference`` goes first."""

    def make_process_pipelines(self, *args, **kwargs):
        from moabb.datasets.bids_interface import StepType
        from moabb.datasets.preprocessing import NamedFunctionTransformer

        step = NamedFunctionTransformer(
            methodcaller("set_eeg_reference", self.eeg_reference, verbose=False),
            # of which the digest of results on disk is made
            display_name=f"EEG Reference ({self.eeg_reference})",
        )
        pipelines = super().make_process_pipelines(*args, **kwargs)
        for pipeline in pipelines:
            pipeline.steps.insert(0, (StepType.RAW, step))
        return pipelines

    def __reduce__(self):
        return _rereferencing, (self.rereferenced, vars(self))


def _rereferencing(kind, state):
    """Make a paradigm of a kind that re-references, with these attributes."""
    own = object.__new__(_rereferencing_class(kind))
    vars(own).update(state)
    return own


@cache
def _rereferencing_class(kind):
    # of the same name, by which results are filed
    own = {"__module__": kind.__module__, "rereferenced": kind}
    return type(kind)(kind.__name__, (_Rereferencing, kind), own)
