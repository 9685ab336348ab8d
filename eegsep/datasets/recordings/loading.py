"""One subject's recordings as they are, from disk or downloaded, or one line why not.

Where they are not there, it is told which others are.
"""

import errno
import os
import socket
import textwrap
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

from eegsep._utils.errors import RequestError
from eegsep._utils.logs import join_ranges, quiet

from .folders import DEFAULT_FOLDER, environment

# For which other subjects are on disk, when one is not.
_SECONDS_TO_LOOK = 10


class DataNotFoundError(RequestError):
    """Recordings are neither on disk nor can they be downloaded."""


def load_subject(dataset, subject):
    """Load one subject's recordings as they are: raws by session and run."""
    import mne
    from moabb.datasets.download import DatasetDownloadError, NemarDownloadError
    from moabb.datasets.fake import FakeDataset
    from moabb.datasets.preprocessing import FixedPipeline

    from eegsep.datasets.study_folders import Study

    default = Path(DEFAULT_FOLDER).expanduser()
    if mne.get_config("MNE_DATA") == str(default) and not isinstance(dataset, (FakeDataset, Study)):
        default.mkdir(exist_ok=True)  # as MNE does, for what it is to download
    try:
        return dataset.get_data([subject], process_pipeline=FixedPipeline([]))[subject]
    except (OSError, DatasetDownloadError, NemarDownloadError) as error:
        if _is_about_a_file_that_is_there(error):
            raise
        raise DataNotFoundError(
            f"{dataset.code}: recordings of subject {subject} are not in "
            f"{mne.get_config('MNE_DATA')} and cannot be downloaded ({_why(error)}). "
            + _others_that_are_there(dataset, subject)
        ) from error
    except AttributeError as error:
        if "accept" not in str(error):
            raise
        raise DataNotFoundError(
            f"{dataset.code}: downloading it needs its licence accepted; from Python, make the "
            "dataset with accept=True and give it to eegsep.studies.benchmark.benchmark."
        ) from error


def _is_about_a_file_that_is_there(error):
    """Tell a recording that cannot be read from one that is not on disk."""
    import requests

    download = (requests.RequestException, FileNotFoundError, ConnectionError, TimeoutError)
    if not isinstance(error, OSError) or isinstance(error, (*download, socket.gaierror)):
        return False
    if isinstance(error, PermissionError) and error.filename is not None:
        # else it is a file that is to be downloaded, into a folder that may not be written
        file, folder = Path(error.filename), Path(os.environ.get("MNE_DATA", ""))
        return file.exists() or not file.is_relative_to(folder)
    return error.errno not in (errno.ENOSPC, errno.EROFS, errno.EDQUOT)


def _others_that_are_there(dataset, subject):
    """Say which subjects of a dataset can be read without the network, for some seconds."""
    started, there = time.monotonic(), []
    with _no_network(), quiet(Counter()):
        for other in dataset.subject_list:
            if other != subject and time.monotonic() - started < _SECONDS_TO_LOOK:
                try:
                    dataset.get_data([other])
                except Exception:  # whatever it is, it is not there for the asking
                    continue
                there.append(other)
    if not there:
        return "Choose the folder with --data-dir, or other subjects with --subjects."
    numbers = join_ranges(there)
    return f"Recordings of subjects {numbers} are there: choose them with --subjects {numbers}."


@contextmanager
def _no_network():
    """Send downloads to a port where nobody answers, so that they end at once."""
    names = [f"{scheme}_proxy" for scheme in ("http", "https", "ftp", "all")]
    names = [*names, *map(str.upper, names)]
    with environment(dict.fromkeys(names, "http://127.0.0.1:9") | {"no_proxy": "", "NO_PROXY": ""}):
        yield


def _why(error):
    """Say in a few words why a download failed."""
    import requests

    if isinstance(error, (requests.ConnectionError, requests.Timeout)) and error.request:
        return f"{urlparse(error.request.url).hostname} cannot be reached"
    if isinstance(error, PermissionError):
        return f"no permission to write {error.filename}"
    return textwrap.shorten(str(error) or type(error).__name__, 120, placeholder=" ...")
