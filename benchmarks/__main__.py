"""``python -m benchmarks``: see :mod:`run`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from run import main  # noqa: E402

sys.exit(main())
