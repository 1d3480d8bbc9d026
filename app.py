"""Start the review app: the same as `pdc serve`."""

from __future__ import annotations

import sys

from pdc.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
