# What type checkers are told of the names that load when first used.
from .container import read_metadata as read_metadata
from .errors import ModelFileError as ModelFileError
