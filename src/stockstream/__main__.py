"""`python -m stockstream` is the `stockstream` command."""

from stockstream.cli import main

main()
