"""Ways to mend a dead letter's value: a jq filter, or an editor.

Invariant What goes wrong is told without a word of the record. A file that an editor works on can be read by its owner
          alone, and is gone afterwards.
"""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from processor.errors import PartitaError

Mend = Callable[[bytes | None], bytes]

EDITOR: Final = "vi"


class NotMended(PartitaError):
    """A value could not be mended."""


class NotEdited(PartitaError):
    """There is no editor, or it was left with an error."""


def by_filter(program: str) -> Mend:
    """Return what mends a value by a jq *program*, which has to make one object of one.

    Raises:
        NotMended: It is no jq program.
    """
    import jq  # noqa: PLC0415 - only who mends needs it

    try:
        compiled = jq.compile(program)
    except ValueError as error:
        raise NotMended(f"--filter is no jq program: {' '.join(str(error).split())}.") from error

    def mend(value: bytes | None) -> bytes:
        try:
            made = compiled.input_text((value or b"").decode()).all()
        except ValueError:  # its text quotes the record
            raise NotMended("The filter cannot be applied: the value is not JSON, or not what it expects.") from None
        if len(made) != 1 or not isinstance(made[0], dict):
            raise NotMended("The filter has to make exactly one JSON object.")
        return msgspec.json.encode(made[0])

    return mend


def by_editor(value: bytes | None) -> bytes:
    """Return *value* as $VISUAL, $EDITOR or vi leaves it.

    Raises:
        NotEdited: The editor cannot be started, or ends with an error.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or EDITOR
    with tempfile.TemporaryDirectory(prefix="partita-") as folder:  # readable by its owner alone
        file = Path(folder) / "value.json"
        file.write_bytes(value or b"")
        try:
            done = subprocess.run([*shlex.split(command), str(file)], check=False)  # noqa: S603 - the user's own editor
        except (OSError, ValueError) as error:
            raise NotEdited(f"{command} cannot be started ({error}); set EDITOR.") from error
        if done.returncode != 0:
            raise NotEdited(f"{command} ended with {done.returncode}; nothing was sent.")
        return file.read_bytes().removesuffix(b"\n")
