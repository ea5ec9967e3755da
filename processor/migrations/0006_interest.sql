-- Interest: what has accrued on each account, day by day, and what was posted of it, month by month.
--
-- What accrues is no money yet: it is counted in units of 10^-12 of a minor unit, each day rounded half up to one. A
-- column of units is text, because units of a large balance are more than a bigint holds.

-- Interest of an account ---------------------------------------------------------------------------------------------------

-- A row for each account whose product may bear interest, or that was asked to accrue. Its account's row is its lock.
-- Days under plain and standard bear nothing and leave no row below; they are passed over with the next that accrues.
CREATE TABLE interest (
    account_no bigint CONSTRAINT interest_of_account PRIMARY KEY,
    since date NOT NULL,                    -- the bank's first day that accrues: that of the opening
    accrued_until date NOT NULL,            -- the last day that has accrued; before its first, the day before
    posted_until date NOT NULL,             -- the last day of the last month that was posted, likewise
    idle boolean NOT NULL,                  -- nothing accrues, and nothing is left to post
    carried bigint NOT NULL,                -- what postings left below a minor unit
    unposted text NOT NULL,                 -- what accrued by month since, `2026-01:16438356164384;2026-02:...`
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change
    CONSTRAINT interest_carries_less_than_a_minor_unit CHECK (carried >= 0 AND carried < 1000000000000),
    CONSTRAINT interest_posts_what_has_accrued CHECK (posted_until <= accrued_until),
    CONSTRAINT interest_unposted_is_months CHECK (unposted ~ '^([0-9]{4}-[0-9]{2}:[0-9]+(;|$))*$')
) WITH (fillfactor = 70);
CREATE INDEX interest_to_accrue ON interest (accrued_until, account_no) WHERE NOT idle;
CREATE INDEX interest_to_post ON interest (posted_until, account_no) WHERE NOT idle;

-- What accrued, for ever: a row for each run of days within a month that a command has accrued.
CREATE TABLE interest_accrual (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    accrued_at timestamptz NOT NULL,
    account_no bigint NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    zone text NOT NULL,                     -- whose days they are
    accrued text NOT NULL,                  -- units that they have earned
    accumulated text NOT NULL,              -- units that are not posted, after them
    PRIMARY KEY (lane_no, seq, last_day),
    CONSTRAINT interest_accrues_once UNIQUE (account_no, first_day),
    CONSTRAINT interest_accrual_covers_days CHECK (first_day <= last_day),
    CONSTRAINT interest_accrual_in_units CHECK (accrued ~ '^[0-9]+$' AND accumulated ~ '^[0-9]+$')
);
SELECT keep_for_ever('interest_accrual');

-- What was posted, for ever; a month that came to less than a minor unit too.
CREATE TABLE interest_posting (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    account_no bigint NOT NULL,
    posted_until date NOT NULL,             -- the last day whose interest it pays
    value_date date NOT NULL,               -- by which statements and balances of the past count it
    amount_minor bigint NOT NULL,
    accumulated text NOT NULL,              -- units that are left after it; a closing drops what is below a minor unit
    PRIMARY KEY (lane_no, seq),
    CONSTRAINT interest_posts_once UNIQUE (account_no, value_date),
    CONSTRAINT interest_posting_not_negative CHECK (amount_minor >= 0),
    CONSTRAINT interest_posting_in_units CHECK (accumulated ~ '^[0-9]+$')
);
SELECT keep_for_ever('interest_posting');

-- Accounts that were opened before earn from today on.
INSERT INTO interest (account_no, since, accrued_until, posted_until, idle, carried, unposted, decided_at)
SELECT account_no, today, today - 1, date_trunc('month', today)::date - 1, product IN ('plain', 'standard'), 0, '', decided_at
  FROM account, LATERAL (SELECT partita_clock()::date AS today) AS now
 WHERE lane_no = 0 AND status <> 3
   AND EXISTS (SELECT FROM account_terms AS terms
                WHERE terms.account_no = account.account_no AND terms.product NOT IN ('plain', 'standard'));

-- Balances of the past -------------------------------------------------------------------------------------------------------

-- The number of an account's last entry before an instant, or 0. Numbers have no gaps and instants never fall with them,
-- so it is searched for: from the end in steps that double, since mostly the past is near, then between two of them. What
-- is old lies in cold storage, which a later migration makes, with the view of all entries.
CREATE FUNCTION entry_before(wanted_no bigint, last_no bigint, instant timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := last_no;                  -- an entry that is before the instant, once the first loop has ended
    high bigint := last_no + 1;             -- one that is not, or that there is not yet
    step bigint := 1;
    middle bigint;
    posted timestamptz;
BEGIN
    WHILE low > 0 LOOP
        SELECT entry.posted_at INTO posted FROM every_entry AS entry WHERE entry.account_no = wanted_no AND entry.entry_no = low;
        EXIT WHEN posted < instant;
        high := low;
        low := greatest(0, low - step);
        step := step * 2;
    END LOOP;
    WHILE high - low > 1 LOOP
        middle := (low + high) / 2;
        SELECT entry.posted_at INTO posted FROM every_entry AS entry WHERE entry.account_no = wanted_no AND entry.entry_no = middle;
        IF posted < instant THEN
            low := middle;
        ELSE
            high := middle;
        END IF;
    END LOOP;
    RETURN low;
END $$;

-- An account's ledger balance before each of some instants, which ascend: told by the first entry behind it, so nothing
-- older than the first of them is read. An account on which nothing happens meanwhile is looked up once.
CREATE FUNCTION balances_before(wanted_no bigint, last_no bigint, ledger_minor bigint, instants timestamptz[])
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
    instant timestamptz;
    same_until timestamptz := '-infinity';
    found bigint;
    balance bigint;
    balances bigint[] := '{}';
BEGIN
    FOREACH instant IN ARRAY instants LOOP
        IF same_until < instant THEN
            found := entry_before(wanted_no, last_no, instant);
            IF found = last_no THEN
                balance := ledger_minor;
                same_until := 'infinity';
            ELSE
                SELECT entry.balance_after_minor - entry.amount_minor, entry.posted_at INTO balance, same_until
                  FROM every_entry AS entry WHERE entry.account_no = wanted_no AND entry.entry_no = found + 1;
            END IF;
        END IF;
        balances := balances || balance;
    END LOOP;
    RETURN balances;
END $$;

-- Transactions ---------------------------------------------------------------------------------------------------------------

-- 10 interest; 11 grant, 12 collection, 13 repayment and 14 write-off of an advance
ALTER TABLE transaction
    DROP CONSTRAINT transaction_kind_known,
    ADD CONSTRAINT transaction_kind_known CHECK (kind BETWEEN 1 AND 14);

-- 4 interest that a closing pays out
ALTER TABLE side_leg
    DROP CONSTRAINT side_leg_kind_known,
    ADD CONSTRAINT side_leg_kind_known CHECK (kind BETWEEN 1 AND 4);
