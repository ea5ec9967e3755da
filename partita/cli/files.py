"""Files that a door writes: whole from their first moment, and looked for before anything is started for them."""

import os
import tempfile
from pathlib import Path

from processor.errors import NotPrepared


def writable(path: Path, *, option: str) -> Path:
    """Return where *path* lies, whatever becomes the working directory.

    Raises:
        NotPrepared: It cannot be written there.
    """
    if not os.access(path.absolute().parent, os.W_OK | os.X_OK) or path.is_dir():
        raise NotPrepared(f"{path} cannot be written there; name another {option}.")
    return path.absolute()


def write_whole(path: Path, text: str, *, option: str) -> None:
    """Put *text* at *path*, for our eyes only; whoever looks sees all of it, or what was there before.

    Raises:
        NotPrepared: It cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError as error:
        raise NotPrepared(f"{path} cannot be written ({error.strerror}); name another {option}.") from error
