"""``python -m partita``: the same as the command ``partita``."""

import sys

from partita.cli import main

if __name__ == "__main__":
    sys.exit(main())
