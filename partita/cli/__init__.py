"""The command line: one file per door, ``program`` finds the door that was asked for and says what went wrong."""

from partita.cli.program import main

__all__ = ["main"]
