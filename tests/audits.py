"""Which checks of an audit can tell that rows were changed behind the product's back."""

import re
from collections.abc import Sequence

from processor.engine.audit import Check


def touched(checks: Sequence[Check], statements: str) -> list[Check]:
    """Return those of *checks* that read a table which *statements* change: no other can tell the difference."""
    tables = re.findall(r"(?:^|; ?)(?:UPDATE|DELETE FROM|INSERT INTO) (\w+)", statements)
    assert tables, statements
    words = re.compile(rf"\b(every_)?({'|'.join(tables)})\b")
    return [each for each in checks if any(words.search(re.sub("--.*", "", part.statement)) for part in each.parts)]
