"""``python -m eegsep.cli`` is ``eegsep``."""

import sys

from eegsep.cli import main

sys.exit(main())
