"""``partita import``: files into the system."""

from cyclopts import App as Doors

from partita.cli.import_activity import activity

import_ = Doors(
    name="import",
    help="""Imports files.

For example:
    partita import activity data/activities_20240101.csv
""",
    help_epilogue="",
)
import_.command(activity)
