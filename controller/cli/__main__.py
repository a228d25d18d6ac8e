"""`python -m controller.cli`: the same as `segue`, for a checkout that is not installed."""

from controller.cli import main

main()
