"""What was agreed on for an account: a row whenever it changes, and none otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.accounts import (
    AccountClose,
    AccountFreeze,
    AccountLinkProtection,
    AccountOpen,
    AccountSetOverdraft,
    AccountSetProduct,
)
from contracts.customers import CustomerCreate, CustomerUpdate
from contracts.envelope import Command
from contracts.holds import HoldPlace
from contracts.transfers import TransferWithdraw
from partita.local.stack import LocalStack
from processor.database import Connection, connect
from processor.migrate import migrations
from producers.command_ids import new_command_id
from tests.conftest import fresh_database
from tests.engine.desk import Desk, names, paying_in

ROWS = """
SELECT terms.overdraft_limit_minor, terms.good_standing, terms.product, terms.protection_account_id,
       terms.lane_no, terms.seq, terms.set_at
  FROM account_terms AS terms JOIN account USING (account_no) WHERE account_id = $1 ORDER BY set_at, seq"""


def told(kind: type[Command], **fields: Any) -> Any:
    return kind(command_id=new_command_id(), **fields)


async def test_what_changes_limit_product_standing_or_protector_keeps_a_row_with_the_stamp_of_its_answer(
    desk: Desk,
) -> None:
    a, other, customer = names(3)
    person = {"name": "N", "date_of_birth": "1990-01-01", "ssn": "123456789", "address": "", "kyc_status": "VERIFIED"}
    opened = {"account_type": "CHECKING", "currency": "EUR", "customer_id": customer, "product": "standard"}
    asked = {
        "made": told(CustomerCreate, customer_id=customer, **person),
        "opened": told(AccountOpen, account_id=a, overdraft_limit="5", **opened),
        "another": told(AccountOpen, account_id=other, **opened),
        "paid": paying_in(a, "10"),
        "overdrawn": told(TransferWithdraw, account_id=a, amount="12"),
        "held": told(HoldPlace, hold_id="h", account_id=a, amount="1", reason="LEGAL"),
        "limited": told(AccountSetOverdraft, account_id=a, overdraft_limit="70"),
        "again": told(AccountSetOverdraft, account_id=a, overdraft_limit="70"),
        "changed": told(AccountSetProduct, account_id=a, product="plain"),
        "frozen": told(AccountFreeze, account_id=a, reason="a test says so"),
        "linked": told(AccountLinkProtection, account_id=a, protection_account_id=other),
        "doubted": told(CustomerUpdate, customer_id=customer, good_standing=False),
        "alone": told(AccountClose, account_id=other),
    }

    answers = dict(zip(asked, await desk.tell(*asked.values()), strict=True))

    expected = {
        "opened": (500, True, "standard", None),
        "limited": (7000, True, "standard", None),
        "changed": (7000, True, "plain", None),
        "linked": (7000, True, "plain", other),
        "doubted": (7000, False, "plain", other),
        "alone": (7000, False, "plain", None),
    }
    assert not [answer.body for answer in answers.values() if answer.type.endswith("rejected")]
    assert [tuple(row) for row in await desk.connection.fetch(ROWS, a)] == [
        (*terms, answers[name].lane_no, answers[name].seq, answers[name].occurred_at)
        for name, terms in expected.items()
    ]


BEFORE = """
INSERT INTO account (account_no, account_id, account_type, currency, product, decided_at, opened_at)
VALUES (1, 'A', 1, 'EUR', 'plain', now(), now());
INSERT INTO event (lane_no, seq, kind, source_offset, occurred_at, id, command_id, aggregatetype, aggregateid, type,
                   payload, fingerprint)
SELECT 1, seq, 1, seq, '2026-01-01'::timestamptz + seq * '1 s'::interval, gen_random_uuid(), gen_random_uuid(),
       'ledger', 'A', type, convert_to(said, 'UTF8'), 'f'
  FROM (VALUES (1, 'account.opened', '{"product":"plain","overdraft_limit":"0.50"}'),
               (2, 'transfer.posted', '{}'),
               (3, 'account.overdraft_set', '{"product":"plain","overdraft_limit":"20.00"}')) AS told (seq, type, said);
"""


@pytest.fixture
async def old_books(stack: LocalStack) -> AsyncIterator[Connection]:
    """Hand out books as they were before terms were kept."""
    async with fresh_database(stack, "template1") as url:
        connection = await connect(url, role="test")
        for step in migrations()[:4]:
            await connection.execute(step.text)
        await connection.execute(BEFORE)
        yield connection
        await connection.close()


async def test_accounts_that_were_open_before_get_their_terms_from_the_answers(old_books: Connection) -> None:
    await old_books.execute(migrations()[4].text)

    rows = await old_books.fetch(ROWS, "A")
    assert [(row["overdraft_limit_minor"], row["product"], row["good_standing"], row["seq"]) for row in rows] == [
        (50, "plain", True, 1),
        (2000, "plain", True, 3),
    ]
