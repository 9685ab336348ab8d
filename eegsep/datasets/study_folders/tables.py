"""Recordings that are tables: CSV or TSV, compressed or not, with a line of names at the top.

Each column of numbers is a channel; which of them are EEG is said by ``study.yml``.
"""

import bz2
import csv
import gzip
import lzma
import warnings
import zlib
from collections import Counter
from pathlib import Path

from eegsep._utils.errors import RequestError, in_a_line

_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def read_table(path):
    """Read a table (pandas.DataFrame).

    It is a RequestError if it has no line of names, one twice, or cannot be read.
    """
    import pandas as pd

    opener = _OPENERS.get(Path(path).suffix.lower(), open)
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
        separator = max(",;\t", key=first.count)
        names = next(csv.reader([first], delimiter=separator), [])
        if not names or any(_is_number(name) or not name.strip() for name in names):
            raise RequestError(f"{path} has no name for each column: write them in its first line.")
        names = [name.strip() for name in names]
        twice = [name for name, n in Counter(names).items() if n > 1]
        if twice:
            raise RequestError(
                f"{path} has several columns {', '.join(twice)}: rename all but one."
            )
        decimal = "," if separator == ";" else "."
        with warnings.catch_warnings():
            # of lines with more values than there are names, which pandas would shift or cut
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path, sep=separator, decimal=decimal, encoding="utf-8-sig", index_col=False
            )
    except RequestError:
        raise
    except (
        OSError,
        EOFError,
        ValueError,  # of pandas's parsers and of texts in another encoding
        pd.errors.ParserWarning,
        csv.Error,
        lzma.LZMAError,
        zlib.error,
    ) as error:
        why = in_a_line(error).rstrip(".")
        raise RequestError(f"{path} cannot be read as a table ({why}).") from error
    table.columns = names
    return table


def is_of_numbers(column):
    """Tell whether a column of a table has numbers alone (bool)."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def table_to_raw(path, description):
    """Make a recording of a table, whose columns become channels in the order that they have.

    Columns of the type ``misc``, such as times, are left out. It is in whatever unit the table has;
    all channels are EEG as yet, but for that of the markers. It is a RequestError if the sampling
    rate is not known, or a column is not of numbers.
    """
    import mne

    if description.sfreq is None:
        raise RequestError(
            f"{description.place}: {path.name} is a table, so write sfreq: and its rate in Hz."
        )
    table = read_table(path)
    left_out = {name.casefold() for name, kind in description.types.items() if kind == "misc"}
    table = table[[name for name in table if name.casefold() not in left_out]]
    # most tables name no code where there is no marker
    marker = description.markers.get("channel", "").casefold()
    table = table.fillna({name: 0 for name in table if name.casefold() == marker})
    for name, column in table.items():
        if not is_of_numbers(column):
            raise RequestError(
                f"{path}: the column {name} has more than numbers: write {name}: misc below types "
                f"in {description.place} to leave it out."
            )
    if table.shape[1] == 0 or not len(table):
        raise RequestError(f"{path} has no channel with samples.")
    info = mne.create_info(list(table), description.sfreq, "eeg")
    return mne.io.RawArray(table.to_numpy(float).T, info, verbose="error")


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
