"""``python -m tests.bad_input FILE`` writes the table of bad input."""

import sys
import warnings
from pathlib import Path

from .everything import CASES, write_page

warnings.simplefilter("ignore")
write_page(Path(sys.argv[1]))
print(f"{len(CASES)} kinds of bad input")
