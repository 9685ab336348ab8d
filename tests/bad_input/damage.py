"""Studies of one's own in a folder, and what can happen to their files."""

import os
from contextlib import contextmanager

import numpy as np

from eegsep._utils.errors import RequestError
from eegsep.datasets import study
from tests.datasets import study_files as files

HANDS = "{7: left_hand, 9: right_hand}"
TABLE = {"unit": "µV", "sfreq": "100", "markers": "{channel: Marker}", "classes": HANDS}


def first_recording(folder):
    """Data and markers of a study's first recording."""
    raw = next(iter(next(iter(study(folder).get_data([1])[1].values())).values()))
    return (
        np.round(1e6 * raw.get_data(), 1),
        np.round(raw.annotations.onset, 3),
        list(raw.annotations.description),
    )


def recorded(write, name, **lines):
    """A folder with a recording in a format, and its study.yml."""

    def clean(folder):
        write(folder / name)
        files.describe(folder, **({"files": name.replace("1", "{subject}", 1)} | lines))
        return folder

    return clean


def bytes_of(name, change):
    """Change the bytes of a file."""

    def make(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))
        return folder

    return make


def described(**lines):
    def make(folder):
        files.describe(folder, **lines)
        return folder

    return make


def flips(name, act, n, n_bytes=600):
    """Flip a bit somewhere among the first bytes of a file, n times, and ask what is in it."""

    def run(folder):
        original, rng, refusals = (folder / name).read_bytes(), np.random.default_rng(0), []
        for _ in range(n):
            changed = bytearray(original)
            changed[rng.integers(min(n_bytes, len(original)))] ^= 1 << rng.integers(8)
            (folder / name).write_bytes(changed)
            try:
                act(folder)
            except RequestError as error:
                refusals.append(str(error))
        assert all(len(text.splitlines()) == 1 for text in refusals)
        return READ_OR_REFUSED

    return run


READ_OR_REFUSED = "read, or refused in a line"


@contextmanager
def somebody_else():
    """As a user who may read and write no more than is allowed: another one, in place of root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def as_somebody_else(act):
    def run(given):
        with somebody_else():
            return act(given)

    return run


def not_to_be_read(name):
    def make(folder):
        for path in [folder, *folder.parents]:
            if path.stat().st_uid == 0 and path.name.startswith(
                ("tmp", "pytest", "bad", "test", "popen")
            ):
                path.chmod(0o755)
        (folder / name).chmod(0o000)
        return folder

    return make
