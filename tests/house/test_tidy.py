"""The shape of the code: small files, small functions, no room for odds and ends, no error swallowed, no sleep."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import TypeGuard

import pytest

from tests.house.sizes import sizes
from tests.house.tree import PACKAGES, Function, Module, functions, modules

FILE_LINES = 300
LONGER = {  # these may only shrink; below the limit they leave the list
    "tests/engine/test_process.py": 380,
    "tests/oracle/test_oracle.py": 490,
}
FUNCTION_LINES, NINE_OF_TEN, HALF = 60, 30, 11
NO_ROOMS = re.compile(r"(^|_)(utils?|common|helpers?|managers?|misc)(_|$)")
LONGEST_PAUSE_S = 0.1
COMMAND_LINE = re.compile(r"/cli/|/__main__\.py$")

CODE = modules(*PACKAGES)
TESTS = modules("tests")
EVERYTHING = [*CODE, *TESTS]


def planted(text: str, name: str = "tests/planted.py") -> Module:
    return Module(name=name, text=text)


# Size -----------------------------------------------------------------------------------------------------------------


def test_no_file_has_more_than_300_lines_but_those_named_and_they_do_not_grow() -> None:
    lines = {module.name: module.lines for module in EVERYTHING}
    assert {name: count for name, count in lines.items() if count > LONGER.get(name, FILE_LINES)} == {}


def test_the_list_of_longer_files_names_no_file_that_has_become_short() -> None:
    lines = {module.name: module.lines for module in EVERYTHING}
    assert [name for name in LONGER if lines.get(name, 0) <= FILE_LINES] == []


def test_no_function_has_more_than_60_lines() -> None:
    lengths = dict(each for module in EVERYTHING for each in functions(module))
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def test_most_functions_are_small() -> None:
    measured = sizes(CODE)
    assert measured.median <= HALF
    assert measured.nine_of_ten <= NINE_OF_TEN


def test_sizes_are_those_of_what_is_measured() -> None:
    ten = "".join(f"def f{number}():\n" + "    pass\n" * number for number in range(1, 11))
    measured = sizes([planted(ten)])
    assert (measured.median, measured.nine_of_ten) == (6.5, 10)
    assert measured.files == [("tests/planted.py", 65)]
    assert "the longest: tests/planted.py:f10 11, " in measured.told()


# Words ----------------------------------------------------------------------------------------------------------------


def test_every_module_begins_with_its_docstring() -> None:
    assert [module.name for module in EVERYTHING if not ast.get_docstring(module.tree)] == []


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    parts = {module.name: re.split(r"[/.]", module.name)[:-1] for module in EVERYTHING}
    assert [name for name, words in parts.items() if any(NO_ROOMS.search(word) for word in words)] == []


def unfinished(module: Module) -> Iterator[str]:
    """Yield comments that ask for work that nobody will do."""
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT and re.search(r"\b(FIXME|XXX|HACK)\b", token.string):
            yield f"{module.name}:{token.start[0]}"


def test_no_comment_marks_unfinished_work() -> None:
    assert [place for module in EVERYTHING for place in unfinished(module)] == []
    assert list(unfinished(planted("x = 1  # " + "FIXME: later\ny = 'FIXME'"))) == ["tests/planted.py:1"]


def printing(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{module.name}:{node.lineno}"


def test_only_the_command_line_prints() -> None:
    assert [place for module in CODE if not COMMAND_LINE.search(module.name) for place in printing(module)] == []
    assert list(printing(planted("def f():\n    print(1)"))) == ["tests/planted.py:2"]


# Errors ---------------------------------------------------------------------------------------------------------------


def swallowing(module: Module) -> Iterator[str]:
    """Yield bare ``except``, and handlers of everything that do nothing with it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            catches_all = re.search(r"\b(Base)?Exception\b", caught) is not None
            does_nothing = all(isinstance(each, ast.Pass | ast.Continue) or _is_text(each) for each in node.body)
            if not caught or (catches_all and does_nothing):
                yield f"{module.name}:{node.lineno}"
        if _is_call(node, "suppress", "contextlib.suppress") and _everything(node):
            yield f"{module.name}:{node.lineno}"


def _is_call(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in names


def _everything(call: ast.Call) -> bool:
    return any(ast.unparse(each) in ("Exception", "BaseException") for each in call.args)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def test_no_error_is_swallowed() -> None:
    assert [place for module in EVERYTHING for place in swallowing(module)] == []


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept:\n    raise",
        "for x in y:\n  try:\n    f()\n  except (OSError, Exception):\n    continue",
        "try:\n    f()\nexcept BaseException:\n    ...",
        "with contextlib.suppress(Exception):\n    f()",
    ],
)
def test_an_error_that_is_swallowed_would_be_noticed(text: str) -> None:
    assert len(list(swallowing(planted(text)))) == 1


# Waiting --------------------------------------------------------------------------------------------------------------


def waiting(module: Module) -> Iterator[str]:
    """Yield every sleep that is not the short pause of a loop which looks again for what it waits for."""
    pauses = {pause.lineno for loop in _loops(module.tree) for pause in ast.walk(loop) if _is_short_pause(pause)}
    for node in ast.walk(module.tree):
        if _is_sleep(node) and node.lineno not in pauses:
            yield f"{module.name}:{node.lineno}"


def _loops(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield ``while`` loops that can end, and ``for`` loops that do: by return, break, raise, assert or condition."""
    for node in ast.walk(tree):
        ends = (ast.Return, ast.Break, ast.Raise, ast.Assert)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor) and not isinstance(node, Function):
            endless = isinstance(node, ast.While) and isinstance(node.test, ast.Constant)
            looks = isinstance(node, ast.While) and not endless
            if looks or any(isinstance(inner, ends) for inner in ast.walk(node)):
                yield node


def _is_sleep(node: ast.AST) -> TypeGuard[ast.Call]:
    """Say whether *node* sleeps; to sleep for no time is only to let others have their turn."""
    if not _is_call(node, "sleep", "time.sleep", "asyncio.sleep"):
        return False
    return [ast.unparse(each) for each in node.args] != ["0"]


def _is_short_pause(node: ast.AST) -> TypeGuard[ast.Call]:
    if not (_is_sleep(node) and node.args):
        return False
    (pause_s,) = node.args
    if not isinstance(pause_s, ast.Constant) or not isinstance(pause_s.value, int | float):
        return False
    return pause_s.value <= LONGEST_PAUSE_S


def test_no_test_waits_by_sleeping() -> None:
    assert [place for module in TESTS for place in waiting(module)] == []


@pytest.mark.parametrize(
    "text",
    [
        "time.sleep(0.05)",
        "async def f():\n    await asyncio.sleep(1)",
        "while not done():\n    time.sleep(0.5)",
        "while not done():\n    time.sleep(PAUSE_S)",
        "for _ in range(3):\n    time.sleep(0.1)",
    ],
)
def test_a_test_that_waits_by_sleeping_would_be_noticed(text: str) -> None:
    assert len(list(waiting(planted(text)))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "while not done():\n    time.sleep(0.02)",
        "async def f():\n    while True:\n        if done():\n            return\n        await asyncio.sleep(0.01)",
        "async def f():\n    await asyncio.sleep(0)",
    ],
)
def test_a_loop_that_looks_again_may_pause(text: str) -> None:
    assert list(waiting(planted(text))) == []
