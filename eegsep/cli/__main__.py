"""``python -m eegsep.cli`` is ``eegsep``."""

import sys

from . import main

sys.exit(main())
