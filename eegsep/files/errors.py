"""The error of a model file that cannot be loaded."""

from eegsep._utils.errors import RequestError


class ModelFileError(RequestError):
    """A model file cannot be read: it is missing, damaged, changed, too new, or not trusted.

    A ``ValueError`` whose text names the file, and says what is wrong and what to do.
    """
