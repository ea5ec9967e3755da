"""What a run of the machine has come to, counted: a run that has not met a rule says nothing of it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from tests.expenses.model import Model
from tests.expenses.model_state import Expense, User
from tests.expenses.model_time import today

Json = dict[str, Any]

# Where rules meet: what a run is counted to have come to, besides commands that were applied and codes.
MET: Final = (
    *("threshold 80", "threshold 100", "both at once", "told by an entry", "told by a move"),
    *("given", "inverse", "crossed", "ratio kept", "converted anew", "a rate came later"),
    *("caught up", "set again", "set after a stop", "set for an earlier day"),
)


def count(
    seen: Counter[str], model: Model, said: Json, told: tuple[Json, Sequence[Json]], kept: Expense | None
) -> None:
    """Count what was seen in what a command was *told*; *kept* is its expense as it was before."""
    answer, extras = told
    if answer.get("replayed") or answer.get("code") == "command_id_reused":
        seen["reuse" if "code" in answer and "replayed" not in answer else "repeat"] += 1
        return
    seen[f"{said['type']} {answer.get('code', 'applied')}"] += 1
    for extra in extras:
        seen[f"threshold {extra['percent']}"] += 1
    seen["both at once"] += len(extras) > 1
    seen["told by an entry"] += bool(extras) and said["type"] == "recurring.materialise"
    seen["told by a move"] += bool(extras) and said["type"] == "expense.change" and "amount" not in said
    user = model.users.get(said.get("user_id", ""))
    if user is not None and answer["type"] in ("expense.added", "expense.changed"):
        _converted(seen, user, user.expenses[answer["expense_id"]], kept)
    if user is not None and answer["type"] == "recurring.defined":
        _agreed(seen, user, said["recurring_id"])


def count_entry(seen: Counter[str], model: Model, said: Json, answer: Json, instant: datetime) -> None:
    """Count whether an entry that was made is one of an earlier day, and whether it waited for a rate."""
    place = f"{said['user_id']} {said['recurring_id']} {said['date']}"
    if answer.get("code") == "rate_unknown":
        seen[f"waits {place}"] += 1
    elif "code" not in answer:
        seen["caught up"] += said["date"] < str(today(instant, model.users[said["user_id"]].zone))
        seen["a rate came later"] += bool(seen.pop(f"waits {place}", 0))


def _converted(seen: Counter[str], user: User, expense: Expense, kept: Expense | None) -> None:
    seen[expense.ratio.how] += 1
    if kept is not None and expense.currency != user.base:
        seen["ratio kept" if expense.ratio is kept.ratio else "converted anew"] += 1


def _agreed(seen: Counter[str], user: User, name: str) -> None:
    agreed = user.recurring[name].agreed
    if len(agreed) > 1:
        before, last = agreed[-2:]
        seen["set after a stop" if before.stopped else "set again"] += 1
        seen["set for an earlier day"] += last.since < before.since
