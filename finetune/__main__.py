"""`python -m finetune`: the command line; see `finetune.cli.main`."""

from __future__ import annotations

import sys

from finetune.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
