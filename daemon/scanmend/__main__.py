"""Run ``scanmend``: ``python -m scanmend`` is the same."""

import sys

from scanmend.cli.main import main

sys.exit(main())
