"""From the bytes of a record to a command that can be decided: what understanding costs, by kind of record.

Promise   What is timed is what a consumer does with every record: decoding, looking for doubled names, the key, the
          fingerprint. Nothing else runs; figures are CPU time, the best of several rounds.
Cost      Ten seconds; no server is needed.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from contracts.catalog import Catalog
from contracts.envelope import Command, TextHash, encode_command
from contracts.specs import LEDGER
from partita.bench import load
from partita.bench.found import Order, Unmeasured, line
from processor.engine.batch import Garbled, Reader, Record

ROUNDS: Final = 7
KEY: Final = b"a key of 32 bytes for the hashes"
TRANSFER: Final = "transfer"
_SAID_BESIDES: Final = {
    "requested_at": "2026-01-02T03:04:05.678Z",
    "correlation_id": "order 7",
    "metadata": {"channel": "branch", "desk": "3"},
    "direction": "debit",
    "description": "rent for January",
}
_HEADERS: Final = (
    ("ce_specversion", b"1.0"),
    ("ce_type", b"transfer.make"),
    ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)


@dataclass(frozen=True, kw_only=True)
class Parsing:
    """CPU time in microseconds per record: by kind of record, and of the standard library's parser alone."""

    us_by_kind: Mapping[str, float]
    json_us: float

    def line(self) -> dict[str, Any]:
        """Return what scripts are told. The yardstick only reads JSON; it checks nothing."""
        us = self.us_by_kind[TRANSFER]
        told = line("parse", us, "us/command", yardstick=self.json_us, by_kind=self.us_by_kind)
        return told | {"cpu_us_per_command": told["value"]}

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what people are told."""
        for kind, us in self.us_by_kind.items():
            yield f"{kind}, CPU us", f"{us:.2f}"
        yield "json.loads of a transfer, nothing checked, CPU us", f"{self.json_us:.2f}"


async def measure(order: Order) -> Parsing:
    """Measure with so many records of each kind.

    Raises:
        Unmeasured: A record of the load is no command, or one that should be none is.
    """
    transfers = [encode_command(each) for each in load.transfers(order.commands, accounts=load.ACCOUNTS)]
    kinds = _kinds(transfers)
    us_by_kind = {}
    for done, (kind, records) in enumerate(kinds.items(), start=1):
        us_by_kind[kind] = _us_per_record(kind, records)
        order.on_part("kinds of records", done, len(kinds))
    json_us = _best_us(lambda: [json.loads(value) for value in transfers], len(transfers))
    return Parsing(us_by_kind=us_by_kind, json_us=json_us)


def _kinds(transfers: Sequence[bytes]) -> dict[str, Sequence[Record]]:
    wordy = [msgspec.json.encode(msgspec.json.decode(value) | _SAID_BESIDES) for value in transfers]
    return {
        TRANSFER: _records(transfers),
        "opening": _records(_encoded(load.openings(len(transfers)))),
        "deposit": _records(_encoded(load.deposits(len(transfers)))),
        "transfer with every field": _records(wordy),
        "transfer with headers": _records(transfers, headers=_HEADERS),
        "transfer, name doubled": _records(value.replace(b"{", b'{"amount":"1",', 1) for value in transfers),
        "transfer, amount wrong": _records(value.replace(b'.50"', b'.5O"') for value in transfers),
    }


def _encoded(commands: Iterable[Command]) -> Iterator[bytes]:
    return (encode_command(command) for command in commands)


def _records(values: Iterable[bytes], headers: Sequence[tuple[str, bytes]] = ()) -> Sequence[Record]:
    return [
        Record(offset=offset, timestamp_ms=0, key=b"bench-000001", value=value, headers=headers)
        for offset, value in enumerate(values)
    ]


def _us_per_record(kind: str, records: Sequence[Record]) -> float:
    reader = Reader(context=LEDGER, catalog=Catalog(), hashed=TextHash(KEY))
    garbled = isinstance(reader.part(0, 0, records[:1]).items[0], Garbled)
    if garbled != ("," in kind):
        raise Unmeasured(f"{kind}: the records of this load are not what they should be.")
    return _best_us(lambda: reader.part(0, 0, records), len(records))


def _best_us(work: Any, records: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best / records * 1e6
