"""The oracle on customers, products and links: every code in its order, and what each answer shows."""

from zoneinfo import ZoneInfo

from tests.oracle.attempts import Attempts

NEW = "name=Ann date_of_birth=1980-02-29 ssn=123-45-6789 address=Here"
CUSTOMERS = f"""
@ 2026-03-01T00:30:00
customer.create customer_id=C name=Ann date_of_birth=1981-02-29 ssn=123456789 address=Here -> date_invalid
customer.create customer_id=C name=Ann date_of_birth=0000-01-01 ssn=123456789 address=Here -> date_invalid
customer.create customer_id=C name=Ann date_of_birth=2026-03-02 ssn=123456789 address=Here -> date_invalid
customer.create customer_id=T name=Tot date_of_birth=2026-03-01 ssn=123456789 address= -> yes address=
customer.create customer_id=C {NEW} -> yes customer_id=C name=Ann date_of_birth=1980-02-29 address=Here \
kyc_status=PENDING good_standing=true ssn=null
customer.create customer_id=C name=Ann date_of_birth=2026-03-02 ssn=123456789 address=Here -> date_invalid
customer.create customer_id=C {NEW} kyc_status=VERIFIED -> customer_exists
customer.update customer_id=N name=Bea -> customer_not_found
customer.update customer_id=C -> yes name=Ann address=Here kyc_status=PENDING good_standing=true
account.open account_id=A account_type=CHECKING currency=USD customer_id=C product=gold -> customer_not_verified
customer.update customer_id=C kyc_status=VERIFIED good_standing=false -> yes kyc_status=VERIFIED good_standing=false
customer.update customer_id=C name=Bea address=There -> yes name=Bea address=There kyc_status=VERIFIED \
good_standing=false
account.open account_id=A account_type=CHECKING currency=USD customer_id=N product=gold -> customer_not_found
account.open account_id=A account_type=CHECKING currency=USD customer_id=C -> yes product=standard customer_id=C
account.open account_id=S account_type=SAVINGS currency=USD customer_id=C -> yes product=savings
account.open account_id=M account_type=MONEY_MARKET currency=USD customer_id=C -> yes product=savings
account.open account_id=P account_type=SAVINGS currency=USD -> yes product=plain customer_id=null
customer.update customer_id=C kyc_status=REJECTED -> yes kyc_status=REJECTED
transfer.deposit account_id=A amount=1 -> yes
account.open account_id=Z account_type=CHECKING currency=USD customer_id=C -> customer_not_verified
"""
FULL = "interest=compound tier_mode=marginal tiers=0:0;100.5:0.0250 day_count=360 overdraft_fee=2.5"
RULES = "fees_per_day=1 fees_per_month=2 first_fee_waived=false fee_may_exceed_limit=false grace_hours=24"
PRODUCTS = f"""
product.set product=plain account_type=CHECKING currency=XXX overdraft_fee=0.001 -> currency_unknown
product.set product=plain account_type=CHECKING currency=USD overdraft_fee=0.001 -> amount_invalid
product.set product=plain account_type=CHECKING currency=USD tiers=0:0.01;0.001:0.02 -> amount_invalid
product.set product=plain account_type=CHECKING currency=USD tiers=0:0.01 -> product_reserved
product.set product=standard account_type=CHECKING currency=USD -> product_reserved
product.set product=savings account_type=SAVINGS currency=USD -> product_reserved
product.set product=p account_type=CHECKING currency=USD tiers=0:0.01 -> tiers_invalid
product.set product=p account_type=CHECKING currency=USD interest=simple -> tiers_invalid
product.set product=p account_type=CHECKING currency=USD interest=simple tiers=1:0.01 -> tiers_invalid
product.set product=p account_type=CHECKING currency=USD interest=simple tiers=0:0.01;0.00:0.02 -> tiers_invalid
product.set product=p account_type=CHECKING currency=USD interest=simple tiers=0:0.01;9:1;8:2 -> tiers_invalid
product.set product=p account_type=CHECKING currency=EUR -> yes version=1 interest=none tier_mode=whole tiers=[] \
day_count=365 overdraft_fee=35.00
product.set product=j account_type=CHECKING currency=JPY -> yes version=1 overdraft_fee=3500
product.set product=k account_type=CHECKING currency=KWD -> yes version=1 overdraft_fee=3.500
product.set product=p account_type=SAVINGS currency=USD {FULL} {RULES} -> yes version=2 account_type=SAVINGS \
currency=USD interest=compound tier_mode=marginal day_count=360 overdraft_fee=2.50 fees_per_day=1 fees_per_month=2 \
first_fee_waived=false fee_may_exceed_limit=false grace_hours=24
account.open account_id=A account_type=CHECKING currency=USD product=q -> product_not_found
account.open account_id=A account_type=CHECKING currency=EUR product=p -> product_type_differs
account.open account_id=A account_type=SAVINGS currency=EUR product=p -> product_currency_differs
account.open account_id=A account_type=CHECKING currency=USD product=savings -> product_type_differs
account.open account_id=A account_type=SAVINGS currency=USD product=p -> yes product=p
account.open account_id=B account_type=CHECKING currency=JPY product=standard -> yes product=standard customer_id=null
account.set_product account_id=house:cash:USD product=q -> account_reserved
account.set_product account_id=N product=q -> account_not_found
account.set_product account_id=A product=q -> product_not_found
account.set_product account_id=B product=savings -> product_type_differs
account.set_product account_id=B product=p -> product_type_differs
account.set_product account_id=B product=k -> product_currency_differs
account.set_product account_id=B product=j -> yes product=j
account.freeze account_id=B reason=r -> yes
account.set_product account_id=B product=plain -> yes product=plain status=FROZEN
account.close account_id=B -> yes
account.set_product account_id=B product=q -> account_closed
"""
LINKS = f"""
customer.create customer_id=C {NEW} kyc_status=VERIFIED -> yes
customer.create customer_id=D {NEW} kyc_status=VERIFIED -> yes
account.open account_id=A account_type=CHECKING currency=USD customer_id=C -> yes protection_account_id=null
account.open account_id=B account_type=SAVINGS currency=USD customer_id=C -> yes
account.open account_id=K account_type=SAVINGS currency=USD customer_id=C -> yes
account.open account_id=E account_type=SAVINGS currency=EUR customer_id=C -> yes
account.open account_id=O account_type=SAVINGS currency=EUR customer_id=D -> yes
account.open account_id=X account_type=SAVINGS currency=USD customer_id=C -> yes
account.open account_id=Y account_type=SAVINGS currency=USD -> yes
account.open account_id=Z account_type=SAVINGS currency=USD -> yes
account.close account_id=X -> yes
account.link_protection account_id=house:cash:USD protection_account_id=N -> account_reserved
account.link_protection account_id=N protection_account_id=house:cash:USD -> account_reserved
account.link_protection account_id=N protection_account_id=N -> account_not_found
account.link_protection account_id=N protection_account_id=null -> account_not_found
account.link_protection account_id=A protection_account_id=N -> protection_account_not_found
account.link_protection account_id=X protection_account_id=X -> accounts_must_differ
account.link_protection account_id=Y protection_account_id=X -> protection_account_closed
account.link_protection account_id=A protection_account_id=O -> customer_differs
account.link_protection account_id=A protection_account_id=Y -> customer_differs
account.link_protection account_id=Y protection_account_id=A -> customer_differs
account.link_protection account_id=A protection_account_id=E -> currency_differs
account.link_protection account_id=Y protection_account_id=Z -> yes protection_account_id=Z
account.link_protection account_id=Z protection_account_id=Y -> protection_cycle
account.link_protection account_id=A protection_account_id=B -> yes protection_account_id=B
account.link_protection account_id=B protection_account_id=K -> yes protection_account_id=K
account.link_protection account_id=K protection_account_id=A -> protection_cycle
account.link_protection account_id=K protection_account_id=B -> protection_cycle
account.link_protection account_id=A protection_account_id=K -> yes protection_account_id=K
account.freeze account_id=A reason=r -> yes protection_account_id=K
account.link_protection account_id=A protection_account_id=B -> yes protection_account_id=B
account.link_protection account_id=A protection_account_id=K -> yes protection_account_id=K
account.unfreeze account_id=A reason=r -> yes
# a closed protector ends the links to it and keeps its own
account.link_protection account_id=X protection_account_id=A -> yes protection_account_id=A status=CLOSED
account.link_protection account_id=K protection_account_id=E -> currency_differs
account.close account_id=K -> yes
account.set_overdraft account_id=A overdraft_limit=1 -> yes protection_account_id=null
account.set_overdraft account_id=B overdraft_limit=1 -> yes protection_account_id=null
account.link_protection account_id=A protection_account_id=B -> yes protection_account_id=B
account.close account_id=A -> yes protection_account_id=B
account.link_protection account_id=X protection_account_id=null -> yes protection_account_id=null
"""


def test_customers_are_created_updated_and_asked_for() -> None:
    Attempts().tell(CUSTOMERS)


def test_a_day_has_come_where_the_bank_is() -> None:
    born = "customer.create customer_id=C name=Ann date_of_birth=2026-03-02 ssn=123456789 address=Here"
    Attempts(ZoneInfo("Europe/Berlin")).tell(f"@ 2026-03-01T22:59:59\n{born} -> date_invalid")
    Attempts(ZoneInfo("Europe/Berlin")).tell(f"@ 2026-03-01T23:00:00\n{born} -> yes")


def test_products_are_set_and_chosen() -> None:
    told = Attempts()
    told.tell(PRODUCTS)
    told.tell(f"p: product.set product=p account_type=SAVINGS currency=USD {FULL} {RULES} -> yes version=3")
    assert told.answers["p"].fields["tiers"] == [{"from": "0.00", "rate": "0"}, {"from": "100.50", "rate": "0.0250"}]
    told.tell("account.set_overdraft account_id=A overdraft_limit=1 -> yes product=p")


def test_accounts_are_linked_to_those_that_protect_them() -> None:
    Attempts().tell(LINKS)
