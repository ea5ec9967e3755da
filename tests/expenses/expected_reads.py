"""What should be read of users, by the model: sums of its exact fractions, written as money only at the end."""

from collections import Counter
from collections.abc import Callable, Collection
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tests.expenses.model import Model
from tests.expenses.model_money import money, units
from tests.expenses.model_state import Expense, User


def counted(user: User, months: Collection[str]) -> list[Expense]:
    """Return the expenses of *months* that were not deleted."""
    return [each for each in user.expenses.values() if not each.deleted and each.month in months]


def sums_of(user: User, found: list[Expense], key: Callable[[Expense], str]) -> dict[str, tuple[str, int]]:
    """Return what *found* sum up to, and how many they are, by *key*."""
    sums: dict[str, Fraction] = {}
    for each in found:
        sums[key(each)] = sums.get(key(each), Fraction(0)) + each.base
    numbers = Counter(map(key, found))
    return {name: (money(spent, user.base), numbers[name]) for name, spent in sums.items()}


def total(user: User, found: list[Expense]) -> str:
    """Return what *found* sum up to."""
    return money(sum((each.base for each in found), Fraction(0)), user.base)


def nothing(user: User) -> tuple[str, int]:
    """Return what no expense sums up to."""
    return total(user, []), 0


def share(part: str, whole: str) -> str | None:
    """Return *part* of *whole* in per cent."""
    if not Decimal(whole):
        return None
    return str((100 * Decimal(part) / Decimal(whole)).quantize(Decimal("0.1"), ROUND_HALF_UP))


def budgets_of(user: User, month: str) -> dict[str, tuple[str, int | None]]:
    """Return by category the budget that holds in *month*, and how much of it is spent."""
    model = Model()
    model.users[user.id] = user
    shown = model.progress(user.id, month)
    scale = units(Fraction(1), user.base)
    return {name: (money(Fraction(limit, scale), user.base), percent) for name, (_, limit, percent) in shown.items()}
