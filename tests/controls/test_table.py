"""What the contributors' page says of the controls."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
ROW = re.compile(r"^\| `(test_\w+)` \|", re.MULTILINE)
TEST = re.compile(r"^async def (test_\w+)\(", re.MULTILINE)


def test_the_table_of_controls_has_every_control_and_no_other() -> None:
    there = [
        name for path in sorted(Path(__file__).parent.glob("test_*.py")) for name in TEST.findall(path.read_text())
    ]

    assert sorted(ROW.findall(PAGE.read_text("utf-8"))) == sorted(there)
