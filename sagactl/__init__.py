"""sagactl: sagas declared in YAML, run over HTTP, undone when they fail.

Importing this package imports nothing else, so that `sagactl version` starts at once.
"""

__version__ = "0.1.0"
