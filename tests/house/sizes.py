"""``python -m tests.house.sizes``: how large the program's files and functions are; ``make check`` prints it.

Lengths are lines, docstrings and all. What is too large fails in ``tests/house/test_tidy.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.house.tree import PACKAGES, Module, functions, modules

LONGEST_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Lengths in lines by name, the longest first."""

    files: Sequence[tuple[str, int]]
    functions: Sequence[tuple[str, int]]

    @property
    def median(self) -> float:
        return median(lines for _, lines in self.functions)

    @property
    def nine_of_ten(self) -> int:
        """Return the length that nine of ten functions do not exceed."""
        return self.functions[len(self.functions) // 10][1]

    def told(self) -> str:
        files, total = len(self.files), sum(lines for _, lines in self.files)
        return (
            f"{files} files of {total / files:.0f} lines on average, the longest: {_named(self.files)}\n"
            f"{len(self.functions)} functions, median {self.median:g} lines, nine of ten up to {self.nine_of_ten}, "
            f"the longest: {_named(self.functions)}"
        )


def sizes(code: Sequence[Module]) -> Sizes:
    """Measure *code*."""
    return Sizes(
        files=_longest_first([(module.name, module.lines) for module in code]),
        functions=_longest_first([each for module in code for each in functions(module)]),
    )


def _longest_first(lengths: list[tuple[str, int]]) -> Sequence[tuple[str, int]]:
    return sorted(lengths, key=lambda each: (-each[1], each[0]))


def _named(lengths: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {lines}" for name, lines in lengths[:LONGEST_SHOWN])


if __name__ == "__main__":
    print(sizes(modules(*PACKAGES)).told())  # noqa: T201 - a command line prints
