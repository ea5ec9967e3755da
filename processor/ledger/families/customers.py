"""The rows of customers."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from processor.database import Connection, named_queries
from processor.engine.audit import Check, Part
from processor.engine.copy import Table
from processor.engine.shelves import Shelf
from processor.engine.shelving import ByKey, Shelved
from processor.ledger.checks import by_entry
from processor.ledger.values import Customer
from processor.moments import days

_SQL = named_queries("processor.ledger.families", "customers.sql")


def _made(row: Shelved, instant_us: int) -> tuple[int | str | bytes | bool, ...]:
    customer: Customer = row.value
    fixed = (days(customer.date_of_birth), customer.ssn_hash, customer.kyc_status, customer.good_standing, instant_us)
    return (*fixed, customer.customer_id, customer.name, customer.address)


def _changed(customer: Customer) -> tuple[int | str | bool, ...]:
    standing = (customer.kyc_status, customer.good_standing)
    return (customer.customer_id, customer.name, customer.address, *standing)


CUSTOMERS: Final = Shelf(
    table=Table(
        "customer",
        date_of_birth="date",
        ssn_hash="hash",
        kyc_status="int2",
        good_standing="bool",
        decided_at="timestamptz",
        customer_id="text",
        name="text",
        address="text",
    ),
    update=_SQL["update_customers"],
    made=_made,
    changed=_changed,
)
SHELVES: Final = (CUSTOMERS,)


async def lock_customers_in_tx(tx: Connection, customer_ids: Collection[str]) -> tuple[ByKey, datetime | None]:
    """Lock customers and return them by id, with the instant of the last change of any."""
    records = await tx.fetch(_SQL["lock_customers"], list(customer_ids)) if customer_ids else []
    fields = Customer.__struct_fields__
    rows: ByKey = {
        row["customer_id"]: Shelved(Customer(*(row[name] for name in fields)), row["version"]) for row in records
    }
    return rows, max((row["decided_at"] for row in records), default=None)


async def accounts_of_in_tx(tx: Connection, customer_ids: Collection[str]) -> set[str]:
    """Return the ids of the accounts of customers that are locked: nobody opens another meanwhile."""
    return set(await tx.fetchval(_SQL["accounts_of"], list(customer_ids))) if customer_ids else set()


CHECKS: Final = (
    Check(
        name="account_customers",
        promise="The customer of each account is known, and the account says of the customer's standing what is so.",
        parts=(Part(statement=_SQL["audit_account_customers"], slicing=by_entry),),
    ),
)
