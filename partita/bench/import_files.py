"""Files of merchant activity as a bench imports them: nine of ten in the shape in which a day's file is handed out.

Promise   Nothing is random but by the seed: the same number makes the same files. Ids are as scattered as random ones,
          merchants, products, results and places as frequent as in the files of a real day.
          Of a thousand lines two came before, word for word, and one is no good: it has no merchant, or no id.
          Each line has ten cells, so that PostgreSQL's COPY takes all of them.
Cost      Three seconds for a million lines.
Invariant The tenth file is another program's: cells are quoted, lines end with CR LF, and times name their zone.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

MERCHANTS: Final = 10_000
FILES: Final = 10  # of an import; the last is the one that is different
HEADING: Final = "event_id,merchant_id,event_timestamp,product,event_type,amount,status,channel,region,merchant_tier"
FIRST_DAY: Final = date(2024, 1, 1)
AGAIN_EVERY: Final = 500  # lines
BAD_EVERY: Final = 1000
CARDS: Final = 5_000
_DAY_S: Final = 86_400

# How many of two hundred lines are of a kind.
_DONE: Final = {
    "POS,CARD_TRANSACTION": 30,
    "AIRTIME,AIRTIME_PURCHASE": 26,
    "POS,CASH_WITHDRAWAL": 13,
    "CARD_PAYMENT,SUPPLIER_PAYMENT": 12,
    "SAVINGS,DEPOSIT": 11,
    "AIRTIME,DATA_PURCHASE": 11,
    "BILLS,ELECTRICITY": 11,
    "MONIEBOOK,SALE_RECORDED": 11,
    "CARD_PAYMENT,INVOICE_PAYMENT": 8,
    "BILLS,CABLE_TV": 8,
    "POS,TRANSFER": 8,
    "SAVINGS,WITHDRAWAL": 7,
    "KYC,DOCUMENT_SUBMITTED": 7,
    "MONIEBOOK,INVENTORY_UPDATE": 7,
    "KYC,VERIFICATION_COMPLETED": 5,
    "BILLS,INTERNET": 10,
    "MONIEBOOK,EXPENSE_LOGGED": 6,
    "SAVINGS,AUTO_SAVE": 7,
    "KYC,TIER_UPGRADE": 2,
}
_STATUS: Final = {"SUCCESS": 184, "FAILED": 10, "PENDING": 6}
_CHANNEL: Final = {"POS": 78, "APP": 72, "WEB": 29, "USSD": 17, "OFFLINE": 4}
_TIER: Final = {"VERIFIED": 94, "PREMIUM": 64, "STARTER": 42}
_REGION: Final = ("LAGOS", "ABUJA", "KANO", "IBADAN", "OGUN", "RIVERS", "DELTA", "ENUGU", "KADUNA", "PORT_HARCOURT")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A file: its bytes, and what has to become of its lines."""

    name: str
    data: bytes
    lines: int
    rejected: int
    duplicate: int

    @property
    def imported(self) -> int:
        """Return how many lines are good and new."""
        return self.lines - self.rejected - self.duplicate


def files(lines: int, *, number: int) -> Iterator[Made]:
    """Yield the files of import *number*, which have so many lines; no other number has the same events."""
    each, more = divmod(lines, FILES)
    for place in range(FILES):
        count = each + (place < more)
        if count:
            yield _file(count, number * FILES + place, is_foreign=place == FILES - 1)


def _file(count: int, number: int, *, is_foreign: bool) -> Made:
    day = FIRST_DAY + timedelta(days=number * 3)
    lines = _lines(count, day.isoformat(), random.Random(number))  # noqa: S311 - by its seed
    bad = range(BAD_EVERY // 2, count, BAD_EVERY)
    again = range(AGAIN_EVERY - 1, count, AGAIN_EVERY)
    for place in bad:
        cells = lines[place].split(",")
        cells[place // BAD_EVERY % 2] = ""
        lines[place] = ",".join(cells)
    for place in again:
        lines[place] = lines[place - AGAIN_EVERY // 4]
    data = (_foreign if is_foreign else _plain)(lines).encode()
    name = f"bench/activities_{day:%Y%m%d}_{number:04}.csv"
    return Made(name=name, data=data, lines=count, rejected=len(bad), duplicate=len(again))


def _plain(lines: Sequence[str]) -> str:
    return "\n".join([HEADING, *lines, ""])


def _foreign(lines: Sequence[str]) -> str:
    quoted = ['"' + '","'.join(_zoned(line.split(","))) + '"' for line in lines]
    return "\r\n".join([HEADING, *quoted, ""])


def _zoned(cells: list[str]) -> list[str]:
    return [*cells[:2], f"{cells[2]}Z", *cells[3:]]


def _lines(count: int, day: str, dice: random.Random) -> list[str]:
    """Return lines in the order of their times; what is said of merchants comes from some thousand cards."""
    ids, clock = dice.randbytes(16 * count).hex(), _clock()
    return [
        f"{ids[at : at + 8]}-{ids[at + 8 : at + 12]}-{ids[at + 12 : at + 16]}-{ids[at + 16 : at + 20]}"
        f"-{ids[at + 20 : at + 32]},MRC-{merchant:06},{day}T{clock[at * _DAY_S // 32 // count]},{card}"
        for at, merchant, card in zip(
            range(0, 32 * count, 32),
            dice.choices(range(1, MERCHANTS + 1), k=count),
            dice.choices(_cards(), k=count),
            strict=True,
        )
    ]


@cache
def _clock() -> list[str]:
    """Return the seconds of a day."""
    return [f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}" for second in range(_DAY_S)]


@cache
def _cards() -> list[str]:
    """Return what lines say behind their times."""
    dice = random.Random(CARDS)  # noqa: S311 - by its seed
    kinds = [
        dice.choices(list(kind), weights=list(kind.values()), k=CARDS) for kind in (_DONE, _STATUS, _CHANNEL, _TIER)
    ]
    regions = dice.choices(_REGION, k=CARDS)
    naira = [min(dice.paretovariate(0.8) * 500, 10_000_000) for _ in range(CARDS)]
    return [
        f"{done},{amount:.2f},{status},{channel},{region},{tier}"
        for done, status, channel, tier, region, amount in zip(*kinds, regions, naira, strict=True)
    ]
