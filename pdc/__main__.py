"""`pdc` or `python -m pdc`: the command line; see `pdc.cli.main`."""

from __future__ import annotations

import sys

from pdc.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
