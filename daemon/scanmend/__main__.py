"""Run the command line, so that ``python -m scanmend`` does the same as ``scanmend``."""

import sys

from scanmend.cli.main import main

sys.exit(main())
