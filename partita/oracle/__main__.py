"""``python -m partita.oracle FOLDER [ZONE]``: judge the run in a folder; exit 1 with its findings if there are any.

ZONE is the time zone of the bank's days, as in ``Europe/Berlin``; UTC if it is left out.
"""

import sys
from datetime import UTC
from zoneinfo import ZoneInfo

from partita.oracle.judge import judge

found = judge(sys.argv[1], ZoneInfo(sys.argv[2]) if sys.argv[2:] else UTC)
print("\n".join(found) or "Every answer is justified.")  # noqa: T201 - a command line prints
sys.exit(bool(found))
