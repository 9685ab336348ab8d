"""A study of one's own as a MOABB dataset, found by its folder or its ``study.yml``."""

from __future__ import annotations

from pathlib import Path

from moabb.datasets.base import BaseDataset

from eegsep._utils.errors import RequestError
from eegsep.datasets.paradigms import SUITED

from . import description as descriptions
from .entries import find_entries
from .reading import read_entry


class Study(BaseDataset):
    """A study of one's own, which MOABB's paradigms and evaluations take like any of its datasets.

    Subjects have the numbers that files say, or else are numbered by name; see ``subject_names``.

    Parameters
    ----------
    path : path-like | None
        As it was asked for; None for files that were named one by one.
    description : eegsep.datasets.study_folders.description.Description
        What ``study.yml`` says, or a BIDS folder.
    entries : list of eegsep.datasets.study_folders.entries.Entry
        Its recordings.

    Attributes
    ----------
    subject_names : dict of str
        What files call subjects, by number.
    default_paradigm : str
        MOABB's paradigm of all its classes.
    """

    def __init__(self, path, description, entries):
        self.path = None if path is None else str(path)
        self.description, self.entries = description, entries
        self.subject_names = {each.subject: each.labels["subject"] for each in entries}
        sessions = {subject: set() for subject in self.subject_names}
        for each in entries:
            sessions[each.subject].add(each.session)
        classes = sorted(set(description.classes.values()))
        super().__init__(
            subjects=list(self.subject_names),
            sessions_per_subject=min(map(len, sessions.values())),
            events={name: k for k, name in enumerate(classes, 1)},
            code="Study",
            interval=list(description.window),
            paradigm=description.paradigm,
        )
        self.code = description.name

    @property
    def default_paradigm(self):
        """MOABB's paradigm of all the study's classes (str)."""
        hands = set(self.event_id) == {"left_hand", "right_hand"}
        imagery = "LeftRightImagery" if hands else "MotorImagery"
        return SUITED.get(self.paradigm, imagery)

    def data_path(self, subject, path=None, force_update=False, update_path=None, verbose=None):
        """List a subject's recordings.

        Parameters
        ----------
        subject : int
        path, force_update, update_path, verbose
            Of no use: nothing is downloaded.

        Returns
        -------
        paths : list of pathlib.Path
        """
        folder = self.description.folder
        return [folder / each.path for each in self.entries if each.subject == subject]

    def _get_single_subject_data(self, subject):
        sessions = {}
        for each in self.entries:
            if each.subject == subject:
                raw = read_entry(self.description, each)
                sessions.setdefault(each.session, {})[each.run] = raw
        return sessions


def study(path):
    """Find a study of one's own: a folder with a ``study.yml``, such a file, or a BIDS folder.

    Parameters
    ----------
    path : path-like
        The folder, or a ``.yml`` file that names one in its key ``folder``.

    Returns
    -------
    dataset : Study
        A MOABB dataset. Recordings are read when they are asked for.

    Raises
    ------
    RequestError
        If there is none, the file says what cannot be, or files do not go with its patterns. The
        text says what to write.

    Examples
    --------
    >>> from eegsep.datasets import study
    >>> dataset = study("my_study/")  # doctest: +SKIP
    >>> dataset.subject_list  # doctest: +SKIP
    [1, 2, 3]
    """
    path = Path(path).expanduser()
    file = descriptions.find_file(path)
    description = None if file is None else descriptions.read(file)
    if description is not None and description.files is not None:
        return Study(path, description, find_entries(description))
    folder = path if description is None else description.folder
    if not descriptions.is_bids(folder):
        raise RequestError(
            f"{folder} has no {descriptions.FILE_NAME} and is no BIDS folder: write one, which "
            f"`eegsep study init {folder}` drafts."
        )
    from .bids import find_bids

    return Study(path, *find_bids(folder, description))
