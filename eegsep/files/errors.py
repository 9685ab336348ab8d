"""The error of a model file that cannot be loaded."""

from eegsep._utils.errors import RequestError, in_a_line


class ModelFileError(RequestError):
    """A model file cannot be read: it is missing, damaged, changed, too new, or not trusted.

    A ``ValueError`` whose text names the file, and says what is wrong and what to do.

    Examples
    --------
    >>> import eegsep
    >>> from eegsep.files import ModelFileError
    >>> try:
    ...     eegsep.load("nowhere.eegsep")
    ... except ModelFileError as error:
    ...     print(error)
    cannot read nowhere.eegsep (No such file or directory).
    """


def printable(text, most=300):
    """Shorten text that a file may have, in one line and without what a terminal would obey."""
    text = in_a_line(text)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:most])
