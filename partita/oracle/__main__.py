"""``python -m partita.oracle FOLDER``: judge the run in a folder; exit 1 with its findings if there are any."""

import sys

from partita.oracle.judge import judge

found = judge(sys.argv[1])
print("\n".join(found) or "Every answer is justified.")  # noqa: T201 - a command line prints
sys.exit(bool(found))
