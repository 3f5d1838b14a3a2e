"""python -m ostinato.cli, where the command itself is not on the path."""

from ostinato.cli import main

main()
