"""A true run without servers: the stream through the oracle's bank, told and booked as the program would; one lane."""

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, islice
from typing import Any

from partita.chaos.book_checks import ANSWER
from partita.chaos.case import Case
from partita.chaos.checks import SOMETIMES
from partita.chaos.items import CURRENCY, Item
from partita.chaos.population import FIRST_DAY
from partita.chaos.sender import Published
from partita.chaos.stream import Stream
from partita.chaos.topic_checks import DEAD, REPEAT, REUSE
from partita.chaos.topics import Record
from partita.oracle.books import Answer
from partita.oracle.commands import same, understood
from partita.oracle.history import Booked, History, Json, Standing, Told
from partita.oracle.rules import Bank

CASH = f"house:cash:{CURRENCY}"
LANE = 0
OPENED, DAY = 2_500, 300  # records


@dataclass(kw_only=True)
class Model:
    """Every list may be spoilt before ``case`` is asked for."""

    stream: Stream
    published: list[Published] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    results: list[Record] = field(default_factory=list)
    dead: list[Record] = field(default_factory=list)
    events: list[Told] = field(default_factory=list)
    entries: list[Booked] = field(default_factory=list)
    accounts: list[Standing] = field(default_factory=list)

    def case(self, **changed: Any) -> Case:
        """Return the case, with some of it *changed*."""
        told = {(each.partition, each.offset): (each.value or b"").decode("utf-8", "replace") for each in self.records}
        books = History(records=dict(told), events=self.events, entries=self.entries, accounts=self.accounts)
        case = Case(
            published=self.published,
            movements=self.stream.movements,
            records=self.records,
            results=self.results,
            dead=self.dead,
            books=books,
            findings=[],
            audit=[],
            allowed=[],
            unrest=[],
            alarms=[],
            sometimes=dict.fromkeys(SOMETIMES, 1),
        )
        return replace(case, **changed)


class _Lane:
    """One lane of the program, as far as a run shows it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._bank = Bank()
        self._answers: dict[str, tuple[Json, Told]] = {}
        self._house: dict[str, list[int]] = defaultdict(list)

    def take(self, offset: int, item: Item) -> None:
        key = f"wrong {item.key}" if item.away else item.key
        record = Record(partition=LANE, offset=offset, key=key.encode(), value=item.value, headers={})
        self._model.published.append(Published(item=item, place=record.place))
        self._model.records.append(record)
        command = understood(item.value.decode("utf-8", "replace"))
        if command is None:
            self._tell(DEAD, record, None, "dead_letter", None)
            headers = {"dlq-partition": b"%d" % LANE, "dlq-offset": b"%d" % offset, "dlq-code": b"not_json"}
            self._model.dead.append(replace(record, offset=len(self._model.dead), headers=headers))
        elif command["command_id"] not in self._answers:
            self._first(record, command)
        else:
            self._again(record, command)

    def _first(self, record: Record, command: Json) -> None:
        instant = _instant(record)
        answer = self._bank.decide(command, instant)
        payload = answer.fields | {"type": answer.type, "occurred_at": instant, "replayed": False}
        told = self._tell(ANSWER, record, command["command_id"], answer.type, payload)
        self._answers[command["command_id"]] = (command, told)
        self._publish(told, payload, told)
        self._book(told, answer)

    def _again(self, record: Record, command: Json) -> None:
        original, answer = self._answers[command["command_id"]]
        if same(original, command):
            told = self._tell(REPEAT, record, command["command_id"], answer.type, None)
            self._publish(told, (answer.payload or {}) | {"replayed": True}, answer)
            return
        payload = {"type": "transfer.rejected", "code": "command_id_reused", "replayed": False}
        told = self._tell(REUSE, record, command["command_id"], "transfer.rejected", payload)
        self._publish(told, payload, told)

    def _tell(self, kind: int, record: Record, command_id: str | None, type_: str, payload: Json | None) -> Told:
        told = Told(
            partition=LANE,
            seq=len(self._model.events) + 1,
            kind=kind,
            source_offset=record.offset,
            occurred_at=_instant(record),
            command_id=command_id,
            type=type_,
            payload=payload,
        )
        self._model.events.append(told)
        return told

    def _publish(self, told: Told, payload: Json, named: Told) -> None:
        numbers = {"partita_lane": told.partition, "ce_sequence": told.seq, "ce_id": named.seq}
        headers = {name: b"%d" % number for name, number in numbers.items()}
        value = json.dumps(payload).encode()
        place = len(self._model.results)
        self._model.results.append(Record(partition=LANE, offset=place, key=b"", value=value, headers=headers))

    def _book(self, told: Told, answer: Answer) -> None:
        for account_id, number, amount, after in answer.booked:
            self._enter(told, account_id, number, int(amount * 100), int(after * 100))
        for account_id, amount in answer.house.items():
            amounts = self._house[account_id]
            amounts.append(int(amount * 100))
            self._enter(told, account_id, len(amounts), amounts[-1], sum(amounts))

    def _enter(self, told: Told, account_id: str, number: int, minor: int, after: int) -> None:
        self._model.entries.append(
            Booked(
                account_id=account_id,
                entry_no=number,
                partition=LANE,
                seq=told.seq,
                amount_minor=minor,
                balance_after_minor=after,
            )
        )

    def close(self) -> None:
        """Write where all accounts stand."""
        for name, account in self._bank.accounts.items():
            available = account.available(_instant(self._model.records[-1]))
            self._stand(name, -1, int(account.balance * 100), int(available * 100), account.status)
        for name, amounts in self._house.items():
            self._stand(name, LANE, sum(amounts), sum(amounts), "")

    def _stand(self, name: str, partition: int, ledger: int, available: int, status: str) -> None:
        self._model.accounts.append(
            Standing(
                account_id=name,
                partition=partition,
                currency=CURRENCY,
                ledger_minor=ledger,
                available_minor=available,
                status=status,
            )
        )


def _instant(record: Record) -> str:
    day = FIRST_DAY + timedelta(days=max(record.offset - OPENED, 0) // DAY)
    return f"{day}T00:00:00.{record.offset:06d}Z"


def model_run(seed: int, count: int) -> Model:
    """Return a run of the opening and *count* records, in which everything is right."""
    stream = Stream(seed)
    model = Model(stream=stream)
    lane = _Lane(model)
    for offset, item in enumerate(chain(*stream.opening(), islice(stream.records(), count))):
        lane.take(offset, item)
    lane.close()
    return model
