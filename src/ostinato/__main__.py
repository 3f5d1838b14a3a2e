"""python -m ostinato, where the command itself is not on the path."""

from ostinato.cli import main

main()
