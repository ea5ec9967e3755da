-- Advances: granted at once, collected in payments, repaid early or written off.

-- The advance that is neither repaid nor written off: one at a time.
ALTER TABLE account ADD COLUMN advance_id text;

-- An advance as it is. Its account's row is its lock.
CREATE TABLE advance (
    account_no bigint NOT NULL,
    advance_id text NOT NULL,
    status smallint NOT NULL,               -- 1 OPEN -> 2 REPAID or 3 WRITTEN_OFF
    amount_minor bigint NOT NULL,
    outstanding_minor bigint NOT NULL,
    written_off_minor bigint NOT NULL,
    payments integer NOT NULL,              -- how many it has by now
    granted_in integer NOT NULL,            -- how many it began with
    interval_days integer NOT NULL,
    granted_at timestamptz NOT NULL,
    lane_no integer NOT NULL,               -- with seq: the stamp of the command that was granted
    seq bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change
    CONSTRAINT advance_exists PRIMARY KEY (account_no, advance_id),
    CONSTRAINT advance_status_known CHECK (status BETWEEN 1 AND 3),
    CONSTRAINT advance_open_owes CHECK ((status = 1) = (outstanding_minor > 0) AND outstanding_minor >= 0),
    CONSTRAINT advance_written_off_or_not CHECK ((status = 3) = (written_off_minor > 0) AND written_off_minor >= 0),
    CONSTRAINT advance_has_payments CHECK (payments >= granted_in AND granted_in > 0 AND amount_minor >= granted_in)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX advance_one_open ON advance (account_no) WHERE status = 1;

-- A payment as it is: its amount with what was moved to it.
CREATE TABLE advance_payment (
    account_no bigint NOT NULL,
    advance_id text NOT NULL,
    payment_no integer NOT NULL,
    due date NOT NULL,                      -- the bank's day from which on it is collected
    status smallint NOT NULL,               -- 1 SCHEDULED -> 2 COLLECTED, 3 FAILED, 4 REPAID or 5 WRITTEN_OFF
    amount_minor bigint NOT NULL,
    paid_minor bigint NOT NULL,             -- collected or repaid
    moved_to integer,                       -- the payment that took over what had failed
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change
    CONSTRAINT advance_payment_exists PRIMARY KEY (account_no, advance_id, payment_no),
    CONSTRAINT advance_payment_status_known CHECK (status BETWEEN 1 AND 5),
    CONSTRAINT advance_payment_within_its_amount CHECK (amount_minor > 0 AND paid_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT advance_payment_paid_is_settled CHECK ((status IN (2, 4)) = (paid_minor = amount_minor)),
    CONSTRAINT advance_payment_failed_moves CHECK ((status = 3) = (moved_to IS NOT NULL))
) WITH (fillfactor = 70);
CREATE INDEX advance_payment_due ON advance_payment (due, account_no, advance_id, payment_no) WHERE status = 1;

-- Every state a payment was in, for ever.
CREATE TABLE advance_payment_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    account_no bigint NOT NULL,
    payment_no integer NOT NULL,
    due date NOT NULL,
    status smallint NOT NULL,
    amount_minor bigint NOT NULL,
    paid_minor bigint NOT NULL,
    moved_to integer,
    advance_id text NOT NULL,
    PRIMARY KEY (lane_no, seq, account_no, advance_id, payment_no)
);
CREATE INDEX advance_payment_version_by_payment ON advance_payment_version (account_no, advance_id, payment_no);
SELECT keep_for_ever('advance_payment_version');
