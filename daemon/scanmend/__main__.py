"""``python -m scanmend`` is the same as ``scanmend``."""

import sys

from scanmend.cli.main import main

sys.exit(main())
