"""The rules, stated a second time: a bank that decides one command after another, by the rules of every family."""

from collections.abc import Collection

from partita.oracle import accounts, advances, customers, holds, interest, products, settlements, transfers
from partita.oracle.books import Answer, Books, No, Rule, Thing
from partita.oracle.history import Json

FAMILIES = (
    *(customers.RULES, products.RULES, accounts.RULES, interest.RULES),
    *(transfers.RULES, holds.RULES, settlements.RULES, advances.RULES),
)
RULES: dict[str, Rule] = {type_: rule for family in FAMILIES for type_, rule in family.items()}


class Bank(Books):
    """The books, and the one who decides."""

    def decide(self, command: Json, instant: str, unseen: Collection[Thing] = ()) -> Answer:
        """Answer *command* as if it were decided at *instant*, after everything that was decided before.

        What is *unseen* is as if it were not there yet.
        """
        self.begin(instant, unseen)
        rule = RULES[command["type"]]
        command = rule.canonical(command)
        try:
            type_, fields = rule.decide(self, command, instant)
        except No as no:
            self.take_all_back()
            rule.refused(self, command)
            family = command["type"].partition(".")[0]
            return Answer(type=f"{family}.rejected", fields={"code": no.code, "details": no.details})
        return Answer(type=type_, fields=fields, booked=self.booked, house=self.house)
