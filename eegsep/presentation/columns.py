"""Columns of a table, described once: a heading, and a template of what a row has in its cell.

The same descriptions make cells of a terminal's tables and of a page's.
"""

import string

# What a conversion does to a value: {score!c:.1f} is a score × 100 with one decimal.
_CONVERSIONS = {
    "c": lambda value: 100 * value,
    "k": lambda value: 1e3 * value,
    "u": lambda value: 1e6 * value,
    "M": lambda value: value / 1e6,
    "x": lambda sizes: "x".join(map(str, sizes)),
}


class _Missing(LookupError):
    """A row has no value for a part of a cell."""


class _Writer(string.Formatter):
    def get_value(self, key, args, row):
        value = row.get(key)
        if value is None or value != value:
            raise _Missing(key)
        return value

    def convert_field(self, value, conversion):
        if conversion in _CONVERSIONS:
            return _CONVERSIONS[conversion](value)
        return super().convert_field(value, conversion)


_WRITER = _Writer()


def write(rows, columns):
    """Write rows as cells.

    Parameters
    ----------
    rows : list of dict
        Values by name.
    columns : sequence of tuple of str
        A heading, and the parts of a cell: templates of ``str.format``, with conversions ``!c``
        (× 100), ``!k`` (× 10³), ``!u`` (× 10⁶), ``!M`` (/ 10⁶) of numbers, and ``!x`` of sizes. A
        part is left out where a row lacks its value, or has None or NaN.

    Returns
    -------
    cells : list of list of str
    """
    return [[_write(row, parts) for _, *parts in columns] for row in rows]


def _write(row, parts):
    text = ""
    for part in parts:
        try:
            text += _WRITER.vformat(part, (), row)
        except _Missing:
            continue
    return text


def against_reference(rows, name):
    """Leave out the difference of the reference to itself.

    Parameters
    ----------
    rows : list of dict
        Of :func:`eegsep.statistics.summarise`.
    name : str
        Of the column that ``reference`` is of.

    Returns
    -------
    rows : list of dict
    """
    nothing = {"difference": None, "difference_sd": None}
    return [row | nothing if row[name] == row["reference"] else row for row in rows]
