"""Python takes this in at its start, in every process that a test starts."""

import os
import sys

if os.environ.get("PDC_TEST_EGRESS"):
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120  # pathlib takes its time
    from egress import watch

    sys.path.pop()
    watch()
