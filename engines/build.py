"""Compiles the shelf ahead of time for named GPUs, none of which need be here.

    python engines/build.py --gpu sm86 sm89 sm120 --out DIR

The same as `rtstyle engines build`, for a checkout.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rtstyle.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["engines", "build"]
    main()
