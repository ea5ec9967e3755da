"""The rules of the family ``customer``."""

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET

from contracts.customers import CustomerCreate, CustomerCreated, CustomerRefusal, CustomerUpdate, CustomerUpdated
from contracts.dates import day_of
from contracts.envelope import CommonRefusal
from processor.engine.decision import Applied, Decision, Refused
from processor.engine.shelving import Put
from processor.ledger.book import Book
from processor.ledger.changes import AccountState
from processor.ledger.values import Customer, KycStatus


def create(book: Book, command: CustomerCreate, instant: datetime) -> Decision:
    """Make a customer known."""
    born = day_of(command.date_of_birth)
    if born is None or born > book.bank.day(instant):
        return Refused(CommonRefusal.DATE_INVALID, {"field": "date_of_birth"})
    if book.customer(command.customer_id) is not None:
        return Refused(CustomerRefusal.CUSTOMER_EXISTS, {"customer_id": command.customer_id})
    customer = Customer(
        customer_id=command.customer_id,
        name=command.name,
        date_of_birth=born,
        address=command.address,
        ssn_hash=book.bank.ssn_hash(command.ssn),
        kyc_status=KycStatus[command.kyc_status],
    )
    return Applied(CustomerCreated(**_fields(customer)), (Put("customer", customer.customer_id, customer),))


def update(book: Book, command: CustomerUpdate, instant: datetime) -> Decision:
    """Change what is known of a customer, on the customer's accounts too."""
    before = book.customer(command.customer_id)
    if before is None:
        return Refused(CustomerRefusal.CUSTOMER_NOT_FOUND, {"customer_id": command.customer_id})
    kyc_status = before.kyc_status if command.kyc_status is UNSET else KycStatus[command.kyc_status]
    customer = msgspec.structs.replace(
        before,
        name=before.name if command.name is UNSET else command.name,
        address=before.address if command.address is UNSET else command.address,
        kyc_status=kyc_status,
        good_standing=before.good_standing if command.good_standing is UNSET else command.good_standing,
    )
    states = [
        AccountState(msgspec.structs.replace(account, good_standing=customer.good_standing))
        for account in book.accounts_of(customer.customer_id)
        if account.good_standing != customer.good_standing
    ]
    return Applied(CustomerUpdated(**_fields(customer)), (Put("customer", customer.customer_id, customer), *states))


def _fields(customer: Customer) -> dict[str, Any]:
    return {
        "customer_id": customer.customer_id,
        "name": customer.name,
        "date_of_birth": customer.date_of_birth.isoformat(),
        "address": customer.address,
        "kyc_status": KycStatus(customer.kyc_status).name,
        "good_standing": customer.good_standing,
    }


RULES: Final = {CustomerCreate: create, CustomerUpdate: update}
