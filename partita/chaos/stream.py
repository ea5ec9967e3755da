"""What is published during a run: an endless stream of records from a seed, much of it sent more than once.

Promise   The same seed gives the same records in the same order. Accounts named S- are steady: they are amply funded,
          and move money only among themselves and out of and into the house, so that nothing on them can be declined
          and their end does not depend on the order; ``Movement`` says what each command does to them. Accounts named
          T- run near zero, earn interest and are granted advances: what is declined there, what costs a fee, who steps
          in and what a day ends with depends on the order, and is for the oracle to judge. An account named L- lives
          for a dozen records, and is closed some days later.
Invariant Whatever changes what another record means comes under its key: a reversal after its original, a capture after
          its hold, a body that reuses an id after the first. Only what may be decided first or last alike is sent under
          a wrong key.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

from partita.chaos import population
from partita.chaos.holding import SteadyHolding, TightHolding
from partita.chaos.items import CURRENCY, Item, Json, Movement, Writer, as_json, minor_of, text
from partita.chaos.lending import Lending
from partita.chaos.population import ACCOUNTS, EARNING, FAMILY, PRODUCTS, RATES, deposit

REMEMBERED: Final = 2_000
REVERSED_AFTER: Final = 50  # commands
CLOSED_AFTER: Final = 40  # lives
GARBAGE: Final = (
    b"no command",
    b"\xff\xfe\x00\x01",
    b'{"command_id": "',
    b"[]",
    b"",
    b'{"type":"transfer.teleport","command_id":"%s","account_id":"S-0","amount":"1.00"}',
    b'{"type":"transfer.deposit","command_id":"%s","account_id":"S-1"}',
    b'{"type":"transfer.deposit","command_id":"%s","account_id":"S-2","amount":"-1.00"}',
    b'{"type":"transfer.deposit","command_id":"no-id","account_id":"S-3","amount":"1.00"}',
    b'{"type":"hold.place","command_id":"%s","account_id":"S-4","hold_id":"h","amount":"1.00","reason":"a whim"}',
    b'{"type":"settlement.post","command_id":"%s","account_id":"S-5","amount":"1.00","final":true}',
    b'{"type":"interest.post","command_id":"%s","account_id":"S-6","month":"2040-01-01"}',
    b'{"type":"advance.request","command_id":"%s","account_id":"S-7","advance_id":"a","amount":"1.00","payments":0}',
)
REVERSIBLE: Final = ("transfer.make", "transfer.deposit", "transfer.withdraw", "transfer.batch")
REUSED: Final = (
    *("transfer.deposit", "transfer.withdraw", "transfer.make", "hold.place", "settlement.post"),
    "advance.request",
)
AWAY: Final = (
    *(*REUSED, "transfer.batch", "product.set", "customer.update"),
    *("interest.accrue", "interest.post", "advance.collect", "advance.repay", "advance.write_off", "advance.audit"),
)


class Stream:
    """``opening`` first, part by part, and when that is answered ``records``."""

    def __init__(self, seed: int) -> None:
        self._writer = Writer(seed)
        self._dice = self._writer.dice
        self._steady, self._tight = SteadyHolding(self._writer), TightHolding(self._writer)
        self._lending = Lending(self._writer)
        self._past: deque[Item] = deque(maxlen=REMEMBERED)
        self._lives = 0

    @property
    def movements(self) -> Mapping[str, Movement]:
        """Return what was done to steady accounts so far, by command."""
        return self._writer.movements

    def opening(self) -> Iterator[Iterator[Item]]:
        """Yield who and what is there at first, each part to be answered before the next; nothing is sent twice."""
        yield population.customers_and_products(self._writer)
        yield population.accounts(self._writer)
        yield population.links(self._writer)

    def records(self) -> Iterator[Item]:
        """Yield records without end."""
        while True:
            yield from self._some()

    def _some(self) -> Iterator[Item]:
        throw = self._dice.random()
        if throw < 0.01:  # noqa: PLR2004 - the shares of the stream, one below the other
            yield self._garbage()
        elif throw < 0.014:  # noqa: PLR2004
            yield from self._life()
        elif throw < 0.10 and self._past:  # noqa: PLR2004
            yield from self._again(self._dice.choice(self._past))
        elif throw < 0.50:  # noqa: PLR2004
            yield self._remembered(self._move("S", 5_000))
        elif throw < 0.52:  # noqa: PLR2004
            yield self._remembered(self._rule())
        elif throw < 0.60:  # noqa: PLR2004
            yield self._remembered(self._lending.step())
        else:
            yield self._remembered(self._move("T", 3_000))

    # Once -------------------------------------------------------------------------------------------------------------

    def _move(self, kind: str, minor_max: int) -> Item:
        throw, minor = self._dice.random(), self._writer.minor(minor_max)
        source, destination = (f"{kind}-{number}" for number in self._dice.sample(range(ACCOUNTS), 2))
        if throw < 0.12:  # noqa: PLR2004
            return deposit(self._writer, source, minor if kind == "S" else minor // 2 + 1)  # T is to stay near zero
        if throw < 0.28:  # noqa: PLR2004
            fields = {"account_id": source, "amount": text(minor)}
            return self._writer.say("transfer.withdraw", source, fields, [(source, "", minor)])
        if throw < 0.34:  # noqa: PLR2004
            return self._batch(kind, source)
        if throw < 0.39 and (original := self._reversible(kind)) is not None:  # noqa: PLR2004
            fields = {"account_id": original.key, "transaction_id": original.command_id}
            undone = original.command_id
            return self._writer.say("transfer.reverse", original.key, fields, undoes=undone, after=undone)
        if throw < 0.64:  # noqa: PLR2004
            return self._steady.step() if kind == "S" else self._tight.step()
        legs = [(source, destination, minor)]
        return self._writer.say("transfer.make", source, self._leg(source, destination, minor), legs)

    def _leg(self, source: str, destination: str, minor: int) -> Json:
        if self._writer.below(0.1):
            said = {"source_account_id": destination, "destination_account_id": source, "direction": "credit"}
        else:
            said = {"source_account_id": source, "destination_account_id": destination}
        return said | {"amount": text(minor)}

    def _batch(self, kind: str, source: str) -> Item:
        others = [
            f"{kind}-{number}" for number in self._dice.sample(range(ACCOUNTS), 4) if source != f"{kind}-{number}"
        ]
        legs = [(source, other, self._writer.minor(500)) for other in others]
        return self._writer.say("transfer.batch", source, {"legs": [self._leg(*leg) for leg in legs]}, legs)

    def _reversible(self, kind: str) -> Item | None:
        """Return something that was sent a while ago, mostly for the first time."""
        oldest = list(self._past)[:-REVERSED_AFTER]
        sorts = REVERSIBLE if kind == "S" else (*REVERSIBLE, "settlement.post")
        found = [each for each in oldest if each.sort in sorts and each.key.startswith(f"{kind}-")]
        if not found:
            return None
        original = self._dice.choice(found)
        if kind == "S":  # a second reversal would be refused, and nothing may be refused here
            self._past.remove(original)
        return original

    def _rule(self) -> Item:
        """Return a change of the rules for tight accounts, now and then one that is refused."""
        throw, number = self._dice.random(), self._dice.randrange(ACCOUNTS)
        if throw < 0.2:  # noqa: PLR2004
            fields = {"customer_id": population.customer_of(number), "good_standing": self._writer.below(0.5)}
            return self._writer.say("customer.update", population.customer_of(number), fields)
        if throw < 0.4:  # noqa: PLR2004
            name, fee = self._dice.choice(list(PRODUCTS)), text(self._writer.minor(60))
            rates = [{"from": "0", "rate": self._dice.choice(RATES)}]
            terms = {"tiers": rates} if name in EARNING and self._writer.below(0.5) else {}
            return population.product(self._writer, name, overdraft_fee=fee, **terms)
        if throw < 0.6:  # noqa: PLR2004
            chosen = self._dice.choice((*population.CHOICES, "savings", "never-defined", "never-defined"))
            name = f"T-{number}"
            return self._writer.say("account.set_product", name, {"account_id": name, "product": chosen})
        protected, by = self._dice.randrange(FAMILY), self._dice.choice((*range(FAMILY), None))
        return population.link(self._writer, number // FAMILY, protected, by)

    def _life(self) -> Iterator[Item]:
        """Yield the life of a customer and an account, most of it frozen, and the end of one that was there before."""
        self._lives += 1
        name, heir = f"L-{self._lives}", f"T-{self._dice.randrange(ACCOUNTS)}"
        yield population.customer(self._writer, name)
        yield population.opened(self._writer, name, customer_id=name, product=self._dice.choice(EARNING))
        yield deposit(self._writer, name, 500)
        yield self._of_life("hold.place", name, hold_id="h", amount="2.00", reason="DEBIT_CARD_AUTH", currency=CURRENCY)
        yield self._of_life("account.freeze", name, reason="lost card")
        yield self._of_life("transfer.withdraw", name, amount="1.00")
        yield self._of_life("hold.adjust", name, hold_id="h", amount="3.00")
        yield self._of_life("settlement.capture", name, hold_id="h", amount="1.00", final=False)
        yield self._of_life("account.close", name, payout_account_id=heir)
        yield self._of_life("hold.release", name, hold_id="h")
        yield self._of_life("account.unfreeze", name, reason="found")
        yield self._of_life("advance.request", name, advance_id="a", amount="1.00")
        yield self._of_life("account.close", name, payout_account_id=heir)
        yield self._of_life("advance.repay", name, advance_id="a")
        if self._lives > CLOSED_AFTER:  # it has earned something since
            before = f"L-{self._lives - CLOSED_AFTER}"
            yield self._of_life("account.close", before, payout_account_id=heir)

    def _of_life(self, type_: str, name: str, **fields: Any) -> Item:
        return self._writer.say(type_, name, {"account_id": name, **fields})

    def _garbage(self) -> Item:
        value = self._dice.choice(GARBAGE).replace(b"%s", self._writer.id().encode())
        return self._writer.item(sort="garbage", key=f"S-{self._dice.randrange(ACCOUNTS)}", value=value)

    # Once more --------------------------------------------------------------------------------------------------------

    def _again(self, item: Item) -> Iterator[Item]:
        throw = self._dice.random()
        if throw < 0.5:  # noqa: PLR2004
            yield self._writer.copy(item, sort="repeat")
        elif throw < 0.7:  # noqa: PLR2004
            fresh = self._remembered(self._move("T", 3_000))
            yield fresh
            yield self._writer.copy(fresh, sort="twice")
        elif throw < 0.85 and item.sort in REUSED:  # noqa: PLR2004
            said = json.loads(item.value)
            said["amount"] = text(minor_of(said["amount"]) + self._writer.minor(100))
            yield self._writer.copy(item, sort="reuse", value=as_json(said))
        elif item.sort in AWAY:
            yield self._writer.copy(item, sort="wrong_key", away=True)

    def _remembered(self, item: Item) -> Item:
        self._past.append(item)
        return item
