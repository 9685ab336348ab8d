"""The folder that MOABB reads recordings from and downloads them to.

Set through this process's environment only; nobody's MNE configuration is written.
"""

import os
import re
from contextlib import contextmanager
from pathlib import Path

from eegsep._utils.errors import RequestError

DEFAULT_FOLDER = "~/mne_data"


@contextmanager
def reading_from(data_dir=None):
    """Let MNE and MOABB read from a folder, and download into it what it lacks, while it lasts.

    Sets environment variables and puts them back: MNE's configuration file stays as it is. MOABB
    is kept from asking the NEMAR mirror about files that are on disk, unless the user chose it.

    Parameters
    ----------
    data_dir : path-like | None
        The folder that holds MNE's data folders (``MNE-eegbci-data`` and the like), or one of
        these. None for what MNE is configured to, or ``~/mne_data``.

    Yields
    ------
    folder : pathlib.Path
        Where recordings are looked for.

    Raises
    ------
    RequestError
        If ``data_dir`` is not a folder.
    """
    import mne

    wanted = {}
    if mne.get_config("MOABB_DOWNLOAD_PROVIDER") is None:
        wanted["MOABB_DOWNLOAD_PROVIDER"] = "upstream"
    if data_dir is None:
        # MOABB has the same default, but would write it into the user's configuration
        folder = Path(mne.get_config("MNE_DATA") or DEFAULT_FOLDER).expanduser()
    else:
        folder = Path(data_dir).expanduser().resolve()
        if not folder.is_dir():
            raise RequestError(f"{data_dir} is not a folder: give the one that holds the data.")
        _check_that_it_can_be_read(folder)
        if re.fullmatch(r"MNE-.*-data", folder.name):
            folder = folder.parent
        found = (re.fullmatch(r"MNE-(.*)-data", path.name) for path in folder.iterdir())
        wanted |= {f"MNE_DATASETS_{m[1].upper()}_PATH": str(folder) for m in found if m}
        # a path that is configured for one dataset must not win over the folder asked for
        configured = set(mne.get_config()) | set(os.environ)
        wanted |= {key: str(folder) for key in configured if _is_dataset_path(key)}
    wanted["MNE_DATA"] = str(folder)

    with environment(wanted):
        yield folder


@contextmanager
def environment(wanted):
    """Set environment variables while it lasts."""
    before = {key: os.environ.get(key) for key in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _check_that_it_can_be_read(folder):
    """Refuse a folder with a part that may not be read: MNE would download that anew."""

    def refuse(error):
        raise RequestError(f"no permission to read the folder {error.filename}.") from error

    tops = [folder]
    if os.access(folder, os.R_OK | os.X_OK):
        tops = [path for path in folder.iterdir() if re.fullmatch(r"MNE-.*-data", path.name)]
    for top in tops:
        for _ in os.walk(top, onerror=refuse):
            pass


def _is_dataset_path(key):
    return key.startswith("MNE_DATASETS_") and key.endswith("_PATH")
