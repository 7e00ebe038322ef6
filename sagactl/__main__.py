"""`python -m sagactl`."""

from sagactl.cli import main

main()
