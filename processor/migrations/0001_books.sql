-- The books, the lanes and the events: everything that a micro-batch writes in its one transaction.
--
-- Numbers are bigint minor units of the account's currency. Every row that is written once and never again
-- (event, transaction, entry, reversal, batch_leg, dead_letter) is stamped (lane_no, seq) and guarded against change below.

-- Time, as every decision, scheduler and report reads it -------------------------------------------------------------

-- One row. A test moves it forward; nothing else writes it.
CREATE TABLE clock (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT clock_is_one_row CHECK (only_row),
    ahead interval NOT NULL DEFAULT '0' CONSTRAINT clock_never_goes_back CHECK (ahead >= '0')
);
INSERT INTO clock DEFAULT VALUES;

-- clock_timestamp(), not now(): a decision is taken after its locks, not at BEGIN.
CREATE FUNCTION partita_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS
$$ SELECT clock_timestamp() + ahead FROM clock $$;

-- Lanes ----------------------------------------------------------------------------------------------------------------

-- The number of partitions a context was started with: a key's lane must never change unnoticed.
CREATE TABLE context_layout (
    context text PRIMARY KEY,
    partitions integer NOT NULL CONSTRAINT layout_has_partitions CHECK (partitions > 0)
);

-- One row per (context, partition). Whoever writes for that partition holds this row until commit, so everything a
-- lane numbers is numbered without gaps and in commit order.
CREATE TABLE lane (
    lane_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    context text NOT NULL,
    partition integer NOT NULL CONSTRAINT lane_partition_not_negative CHECK (partition >= 0),
    epoch integer NOT NULL DEFAULT 1,
    start_offset bigint NOT NULL,           -- where the log began when the lane was made
    next_offset bigint NOT NULL,            -- the fence: the first record that has not been applied
    next_seq bigint NOT NULL DEFAULT 1,     -- the number of the next event
    records bigint NOT NULL DEFAULT 0,      -- records applied so far; each left exactly one event that answers it
    decided_at timestamptz NOT NULL DEFAULT '2000-01-01', -- the last instant decided on in this lane
    CONSTRAINT lane_is_unique UNIQUE (context, partition),
    CONSTRAINT lane_moves_forward CHECK (next_offset >= start_offset AND next_seq >= 1)
) WITH (fillfactor = 20);

-- How far the relay has published each lane. A table of its own: the relay never waits for a lane's row.
CREATE TABLE relay_position (
    lane_no integer PRIMARY KEY,
    sent bigint NOT NULL DEFAULT 0          -- the seq of the last event all brokers have acknowledged
) WITH (fillfactor = 20);

-- Events ---------------------------------------------------------------------------------------------------------------

-- Inbox, outbox and audit record in one. Columns `id`, `aggregatetype`, `aggregateid`, `type` and `payload` are named as
-- Debezium's outbox event router expects them.
CREATE TABLE event (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    kind smallint NOT NULL,                 -- 1 answer, 2 repeat, 3 reuse, 4 extra, 5 dead
    source_offset bigint NOT NULL,          -- the record that caused it
    occurred_at timestamptz NOT NULL,       -- the decision instant
    id uuid NOT NULL,                       -- ce_id
    command_id uuid,                        -- null where the record could not be understood
    aggregatetype text NOT NULL,            -- the context
    aggregateid text NOT NULL,              -- the key of the result; empty for a dead letter
    type text NOT NULL,                     -- ce_type
    payload bytea,                          -- the result as published; null for repeats (the answer's is sent) and the dead
    fingerprint bytea,                      -- answers only: what makes a repeat a repeat
    headers bytea,                          -- further headers as one JSON object, null for none
    PRIMARY KEY (lane_no, seq),
    CONSTRAINT event_kind_known CHECK (kind BETWEEN 1 AND 5),
    CONSTRAINT event_kind_has_its_columns CHECK (
        (kind = 5) = (command_id IS NULL) AND (kind = 1) = (fingerprint IS NOT NULL) AND (kind IN (2, 5)) = (payload IS NULL))
);
CREATE UNIQUE INDEX event_one_answer_per_command ON event (command_id) WHERE kind = 1;

-- What could not be understood or not be decided, as it came.
CREATE TABLE dead_letter (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    reason text NOT NULL,
    key bytea,
    value bytea,
    PRIMARY KEY (lane_no, seq)
);

-- Books ----------------------------------------------------------------------------------------------------------------

CREATE SEQUENCE account_no AS bigint;

-- Customers' accounts (lane_no 0) and house accounts (`house:cash:EUR`, one row per lane, their sum is the balance).
CREATE TABLE account (
    account_no bigint PRIMARY KEY,          -- the surrogate that entries and transactions carry
    account_id text NOT NULL,
    lane_no integer NOT NULL DEFAULT 0,
    account_type smallint NOT NULL,         -- 0 HOUSE, 1 CHECKING, 2 SAVINGS, 3 MONEY_MARKET
    currency text NOT NULL,
    product text NOT NULL,
    status smallint NOT NULL DEFAULT 1,     -- 1 ACTIVE <-> 2 FROZEN, either -> 3 CLOSED
    ledger_minor bigint NOT NULL DEFAULT 0,
    available_minor bigint NOT NULL DEFAULT 0,
    overdraft_limit_minor bigint NOT NULL DEFAULT 0,
    last_entry_no bigint NOT NULL DEFAULT 0,
    chain bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000',
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT account_exists UNIQUE (account_id, lane_no),
    CONSTRAINT account_type_known CHECK (account_type BETWEEN 0 AND 3),
    CONSTRAINT account_status_known CHECK (status BETWEEN 1 AND 3),
    CONSTRAINT account_house_rows_have_lanes CHECK ((account_type = 0) = (lane_no > 0)),
    CONSTRAINT account_overdraft_limit_not_negative CHECK (overdraft_limit_minor >= 0),
    CONSTRAINT account_within_its_limit CHECK (account_type = 0 OR available_minor + overdraft_limit_minor >= 0),
    CONSTRAINT account_balance_limit CHECK (account_type = 0 OR abs(ledger_minor) <= 900000000000000000),
    CONSTRAINT account_closed_is_empty CHECK (status <> 3 OR (ledger_minor = 0 AND closed_at IS NOT NULL)),
    CONSTRAINT account_chain_is_sha256 CHECK (octet_length(chain) = 32)
) WITH (fillfactor = 50);

-- One row per command that moved money, or tried to. Its id is the command_id of the event with the same stamp.
CREATE TABLE transaction (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    kind smallint NOT NULL,                 -- 1 make, 2 deposit, 3 withdraw, 4 reverse, 5 batch, 6 close
    source_no bigint,                       -- the debited account; null where it was not found, or for many (batch)
    destination_no bigint,
    amount_minor bigint,                    -- null where a refusal left it unknown
    currency text,
    initiated_at timestamptz NOT NULL,      -- requested_at, else the record's time
    posted_at timestamptz NOT NULL,         -- the decision instant
    refusal text,                           -- null: it was posted; else the code, and it reads as FAILED
    description text NOT NULL DEFAULT '',
    reference text NOT NULL DEFAULT '',
    PRIMARY KEY (lane_no, seq),
    CONSTRAINT transaction_kind_known CHECK (kind BETWEEN 1 AND 6),
    CONSTRAINT transaction_posted_is_complete CHECK (refusal IS NOT NULL OR (amount_minor > 0 AND currency IS NOT NULL)),
    CONSTRAINT transaction_posted_names_both_sides CHECK (
        refusal IS NOT NULL OR kind IN (4, 5) OR (source_no IS NOT NULL AND destination_no IS NOT NULL))
);

-- Written in time order, so it costs next to nothing and serves every read by time.
CREATE INDEX transaction_by_time ON transaction USING brin (posted_at) WITH (pages_per_range = 32);

-- The own legs of a posted batch, from which it is reversed. A single transfer's leg is its transaction row.
CREATE TABLE batch_leg (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    leg_no smallint NOT NULL,
    source_no bigint NOT NULL,
    destination_no bigint NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT batch_leg_amount_positive CHECK (amount_minor > 0),
    PRIMARY KEY (lane_no, seq, leg_no)
);

-- Double entries. A credit is positive, a debit negative: the balance is their sum.
CREATE TABLE entry (
    account_no bigint NOT NULL,
    entry_no bigint NOT NULL,
    lane_no integer NOT NULL,               -- with seq: the transaction
    seq bigint NOT NULL,
    entry_type smallint NOT NULL,           -- 1 DEPOSIT, 2 WITHDRAWAL, 3 TRANSFER_IN, 4 TRANSFER_OUT, 5 FEE, 6 INTEREST, 7 REVERSAL
    amount_minor bigint NOT NULL,
    balance_after_minor bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    hash bytea NOT NULL,                    -- sha256 over the entry before it on this account and this row
    PRIMARY KEY (account_no, entry_no),
    CONSTRAINT entry_type_known CHECK (entry_type BETWEEN 1 AND 7),
    CONSTRAINT entry_amount_not_zero CHECK (amount_minor <> 0),
    CONSTRAINT entry_numbered_from_one CHECK (entry_no >= 1),
    CONSTRAINT entry_hash_is_sha256 CHECK (octet_length(hash) = 32)
);
CREATE INDEX entry_by_time ON entry USING brin (posted_at) WITH (pages_per_range = 32);

-- A posted transaction with a row here reads as REVERSED.
CREATE TABLE reversal (
    original_lane_no integer NOT NULL,
    original_seq bigint NOT NULL,
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT reversal_happens_once PRIMARY KEY (original_lane_no, original_seq),
    CONSTRAINT reversal_undoes_one UNIQUE (lane_no, seq)
);

-- What the database itself refuses ---------------------------------------------------------------------------------------

-- Once a statement, over all rows a batch has copied: every transaction's entries sum to zero.
CREATE FUNCTION transaction_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM fresh GROUP BY lane_no, seq HAVING sum(amount_minor) <> 0) THEN
        RAISE EXCEPTION 'a transaction''s entries do not sum to zero'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_balances', TABLE = 'entry';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER transaction_balances AFTER INSERT ON entry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION transaction_balances();
ALTER TABLE entry ENABLE ALWAYS TRIGGER transaction_balances;

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: what was said stays said', TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', TABLE = TG_TABLE_NAME;
END $$;

-- ENABLE ALWAYS: an ordinary trigger is silent under session_replication_role = replica.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['event', 'dead_letter', 'transaction', 'batch_leg', 'entry', 'reversal'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION append_only()', name);
        EXECUTE format('CREATE TRIGGER never_truncated BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION append_only()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER append_only', name);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER never_truncated', name);
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %I FROM PUBLIC', name);
    END LOOP;
END $$;
