"""Put the liar in the place of the OCR children of a daemon whose PYTHONPATH has this folder first.

Python imports a module of this name when it starts. The daemon itself and its other children are left alone.
"""

import sys

if sys.orig_argv[-1:] == ["scanmend.ocr"]:
    from liar import main

    main()
