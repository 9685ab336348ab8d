"""Units of a benchmark are read once, here or on a cluster, before anything is fitted to them.

Only those are read of which it is not noted what they hold, or which are to be fitted.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

from eegsep._utils.logs import about, quiet
from eegsep._utils.processes import no_room
from eegsep.datasets.channels import compare_channels, usual_channels

from . import digests
from .scoring import Stacked, leave_out_unfit
from .sizes import count_folds


@dataclass(frozen=True, eq=False)
class ReadUnit:
    """What came of reading a unit.

    Its trials are ``stacked``, None where nothing can be used, and ``digest`` is of them;
    ``failures`` are left out; warnings are ``caught`` as :func:`eegsep._utils.logs.quiet` counts
    them; ``files`` were opened; and ``n_folds`` are those of its evaluation.
    """

    unit: Any
    stacked: Any
    digest: str
    ch_names: list
    failures: list
    caught: Counter
    files: set
    n_folds: int = 0


def read_unit(unit, file=None, follow=lambda subject: None):
    """Read the trials of a unit, into a ``.npy`` file in the temporary folder, or None for memory.

    ``follow`` is called with each subject that was read. It is a RequestError if the file cannot be
    written.
    """
    selection, parts, caught = unit.selection, [], Counter()
    with quiet(caught), digests.files_opened() as files:
        for subject in unit.subjects:
            parts.append(selection.trials(subject))
            follow(subject)
        trials = selection.stack(parts) if len(parts) > 1 else parts[0]
        trials = leave_out_unfit(trials, unit.evaluation, unit.metric)
    if not trials.recordings:
        return ReadUnit(unit, None, "", [], trials.failures, caught, files)
    try:
        stacked = Stacked.of(trials, file)
    except OSError as error:
        raise no_room(error) from error
    digest, names = digests.digest_trials(*stacked.read()), list(stacked.info["ch_names"])
    n_folds = count_folds(unit.evaluation, stacked.labels, stacked.metadata)
    return ReadUnit(unit, stacked, digest, names, trials.failures, caught, files, n_folds)


class Reader:
    """Trials of units, in memory maps in ``scratch`` or on a cluster, and what tells them apart.

    Reading comes before all fitting, so that missing data are found out early, and memory maps are
    handed to other processes for nothing. By unit there are ``digests``, but for those of which
    nothing can be used, and of those that were read ``stacked`` trials, or what stands for them on
    a cluster, and ``n_folds``; ``failures`` are what is left out.
    """

    def __init__(self, store, scratch, progress, cluster=None):
        self._store, self._scratch, self._progress = store, scratch, progress
        self._cluster = cluster
        self._done = self._total = 0
        self._seen, self._names, self._caught = set(), {}, {}
        self.digests, self.failures, self.stacked, self.n_folds = {}, [], {}, {}

    def recall(self, units):
        """Learn what was noted of the units' recordings, where these are as they were."""
        for unit in units:
            noted = digests.recall(self._store, unit.key())
            if noted is not None:
                self.digests[unit] = noted["digest"]
                self._names[unit] = noted["ch_names"]
                self._caught[unit] = read_counter(noted["caught"])

    def read(self, units):
        """Read units, each once; return whether one is not what was noted of it."""
        units = [unit for unit in dict.fromkeys(units) if unit not in self._seen]
        self._total += sum(len(unit.subjects) for unit in units)
        if units:
            self._progress("read", self._done, self._total, "")
        changed = False
        for read in self._read_here(units) if self._cluster is None else self._read_there(units):
            expected = self.digests.pop(read.unit, None)
            self._keep(read)
            changed |= expected is not None and expected != self.digests.get(read.unit)
        return changed

    def _read_here(self, units):
        for unit in units:
            file = self._scratch / f"{len(self._seen)}.npy"
            yield read_unit(unit, file, lambda subject, unit=unit: self._follow(unit, subject))

    def _read_there(self, units):
        read = {}
        for unit, each in self._cluster.read(units):
            read[unit] = each
            for subject in unit.subjects:
                self._follow(unit, subject)
        # in the order in which they would be read here
        yield from (read[unit] for unit in units)

    def _follow(self, unit, subject):
        self._done += 1
        self._progress("read", self._done, self._total, f"{unit.code}, subject {subject}")

    def _keep(self, read):
        unit = read.unit
        self._seen.add(unit)
        self._caught[unit] = read.caught
        self.failures += read.failures
        if read.stacked is None:
            return
        self.stacked[unit], self.n_folds[unit] = read.stacked, read.n_folds
        self._names[unit] = read.ch_names
        self.digests[unit] = read.digest
        # what failed is tried again
        if not read.failures:
            noted = {"digest": read.digest, "ch_names": read.ch_names}
            noted["caught"] = write_counter(read.caught)
            digests.note(self._store, unit.key(), unit.selection, read.files, noted)

    def warn(self, caught):
        """Add what came up in reading, and which subjects have other channels than most."""
        for each in self._caught.values():
            caught.update(each)
        with quiet(caught):
            for code in dict.fromkeys(unit.code for unit in self._names):
                names = {
                    unit.subjects[0]: own for unit, own in self._names.items() if unit.code == code
                }
                _compare_channels(code, names)


def _compare_channels(code, names):
    """Warn of subjects who are scored by themselves with other channels than most."""
    usual = usual_channels(names.values())
    for subject, own in names.items():
        lacking, more = compare_channels(own, usual)
        with about(code, subject):
            if lacking:
                text = f"scored without {', '.join(lacking)}, which other subjects have"
                warnings.warn(text, stacklevel=2)
            if more:
                text = f"scored with {', '.join(more)}, which other subjects lack"
                warnings.warn(text, stacklevel=2)


def write_counter(caught):
    """Write what :func:`eegsep._utils.logs.quiet` counted as lists that JSON can hold."""
    return [[group, text, *place, n] for (group, text, place), n in caught.items()]


def read_counter(rows):
    """Read what :func:`write_counter` wrote (collections.Counter)."""
    return Counter({(group, text, tuple(place)): n for group, text, *place, n in rows})
