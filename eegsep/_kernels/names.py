"""Names of the libraries of compiled passes, which hatch_build.py asks for too, without torch."""

from hashlib import sha256
from pathlib import Path

SOURCE = Path(__file__).with_name("kernels.c")
# Kinds of processors that passes are compiled for, the best first, by torch's names.
PROCESSORS = "AVX512", "AVX2", "DEFAULT"


def library_file(processor, dtype):
    """Path of the library of a kind of processor and a type, compiled of the source as it is."""
    digest = sha256(SOURCE.read_bytes()).hexdigest()[:16]
    return SOURCE.with_name(f"kernels-{digest}-{processor}-{dtype}.so")
