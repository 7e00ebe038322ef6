"""Fixtures that every room's tests share."""

import sys
from pathlib import Path

# Tests import one another's worlds and oracles as `machine.world`, without being a package.
sys.path.insert(0, str(Path(__file__).parent))
