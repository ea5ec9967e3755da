"""The family ``customer``. Codes are tried in the order of precedence in which the wire lists them."""

from datetime import date

from partita.oracle.books import Books, No, Rule
from partita.oracle.history import Json
from partita.oracle.state import Customer

_MAY_CHANGE = ("name", "address", "kyc_status", "good_standing")


def _create(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    _not_to_come(books, command["date_of_birth"])
    if command["customer_id"] in books.customers:
        raise No("customer_exists")
    customer = Customer(
        id=command["customer_id"],
        name=command["name"],
        born=command["date_of_birth"],
        address=command["address"],
        kyc_status=command["kyc_status"],
    )
    books.customers[customer.id] = customer
    return "customer.created", _shown(customer)


def _update(books: Books, command: Json, _instant: str) -> tuple[str, Json]:
    customer = books.customer(command["customer_id"])
    for name in _MAY_CHANGE:
        setattr(customer, name, command.get(name, getattr(customer, name)))
    return "customer.updated", _shown(customer)


def _not_to_come(books: Books, day: str) -> None:
    try:
        born = date.fromisoformat(day)
    except ValueError:
        raise No("date_invalid") from None
    if born > books.today:
        raise No("date_invalid")


def _shown(customer: Customer) -> Json:
    return {
        "customer_id": customer.id, "name": customer.name, "date_of_birth": customer.born, "address": customer.address,
        "kyc_status": customer.kyc_status, "good_standing": customer.good_standing,
        "ssn": None,  # told to nobody
    }  # fmt: skip


def _in_full(command: Json) -> Json:
    return {"kyc_status": "PENDING"} | command | {"ssn": command["ssn"].replace("-", "")}


RULES = {
    "customer.create": Rule(
        decide=_create,
        needed=("customer_id", "name", "date_of_birth", "ssn", "address"),
        may=("kyc_status",),
        canonical=_in_full,
    ),
    "customer.update": Rule(decide=_update, needed=("customer_id",), may=_MAY_CHANGE),
}
