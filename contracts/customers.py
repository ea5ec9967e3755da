"""The family ``customer``: whose accounts they are."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.dates import Date
from contracts.envelope import Command, Event, LongText, Refusal, Rejected
from contracts.ids import BusinessId
from contracts.money import END
from contracts.shown import ShownDate, ShownId, ShownLongText, ShownText

KycStatus = Literal["PENDING", "VERIFIED", "REJECTED"]
Name = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        description="text of 1 to 500 characters, without NUL",
        extra_json_schema={"pattern": r"^[^\x00]*$"},
    ),
]
SocialSecurityNumber = Annotated[
    str, Meta(pattern=rf"^[0-9]{{3}}-?[0-9]{{2}}-?[0-9]{{4}}{END}", description="9 digits, dashes optional")
]
DASH: Final = "-"


class CustomerRefusal(Refusal):
    """Why a ``customer`` command is refused."""

    CUSTOMER_EXISTS = "customer_exists", "A customer with this id was created before; choose another customer_id."
    CUSTOMER_NOT_FOUND = "customer_not_found", "No customer has this id; create the customer first, or correct the id."


class CustomerCreate(Command, tag="customer.create", frozen=True, kw_only=True):
    """Make a customer known under the sender's own id.

    Attributes:
        customer_id: The new customer.
        name: What the customer is called.
        date_of_birth: The day the customer was born; not one yet to come.
        ssn: The social security number, of which only a keyed hash is kept; it is told to nobody.
        address: Where the customer lives.
        kyc_status: How the check of the customer's identity stands; accounts are opened for VERIFIED ones only.
    """

    customer_id: BusinessId
    name: Name
    date_of_birth: Date
    ssn: SocialSecurityNumber
    address: LongText
    kyc_status: KycStatus = "PENDING"

    free_texts = ("name", "date_of_birth", "ssn", "address")

    def canonical(self) -> "CustomerCreate":
        """Return the same customer with the dashes of the number left out."""
        return msgspec.structs.replace(self, ssn=self.ssn.replace(DASH, "")) if DASH in self.ssn else self

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Name the customer and no more: what is printed of a command must not tell its number."""
        return [("command_id", self.command_id), ("customer_id", self.customer_id)]

    def __repr__(self) -> str:
        """Print no more either where rich does not."""
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


class CustomerUpdate(Command, tag="customer.update", frozen=True, kw_only=True):
    """Change what is known of a customer; what is left out stays as it is.

    Attributes:
        customer_id: The customer.
        name: What the customer is called from now on.
        address: Where the customer lives from now on.
        kyc_status: How the check of the customer's identity stands; accounts that are open stay open.
        good_standing: Whether the customer is in good standing, which may waive an overdraft fee; it holds for every
            account of the customer from now on.
    """

    customer_id: BusinessId
    name: Name | UnsetType = UNSET
    address: LongText | UnsetType = UNSET
    kyc_status: KycStatus | UnsetType = UNSET
    good_standing: bool | UnsetType = UNSET

    free_texts = ("name", "address")


class CustomerFields(Struct, frozen=True, kw_only=True):
    """The customer as it is after the command.

    Attributes:
        customer_id: The customer.
        name: What the customer is called.
        date_of_birth: The day the customer was born.
        address: Where the customer lives.
        kyc_status: How the check of the customer's identity stands.
        good_standing: Whether the customer is in good standing, as one is at first.
    """

    customer_id: ShownId
    name: ShownText
    date_of_birth: ShownDate
    address: ShownLongText
    kyc_status: KycStatus
    good_standing: bool


class CustomerCreated(Event, CustomerFields, tag="customer.created", frozen=True, kw_only=True):
    """The customer is known from now on."""


class CustomerUpdated(Event, CustomerFields, tag="customer.updated", frozen=True, kw_only=True):
    """The customer is as asked for."""


class CustomerRejected(Rejected, tag="customer.rejected", frozen=True, kw_only=True):
    """The ``customer`` command was refused."""
