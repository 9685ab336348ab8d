"""Packages that only some need: extras of eegsep, imported where they are used."""

from importlib import import_module

from .errors import RequestError


class MissingPackageError(RequestError, ImportError):
    """An optional package is not installed. The text names the extra that installs it."""


def import_extra(module, extra, what):
    """Import a module of an optional package that an extra of eegsep installs.

    ``what`` needs it, such as ``"ONNX needs onnx"``: a MissingPackageError says so where it is not
    there.
    """
    try:
        import_module(module.partition(".")[0])  # of which a part may be there still
        return import_module(module)
    except ImportError as error:
        raise MissingPackageError(f"{what}: pip install 'eegsep[{extra}]'.") from error
