-- The whole account: whose it is, under which product, what is held of it, who steps in for it, and what fees it paid.

-- Customers --------------------------------------------------------------------------------------------------------------

CREATE TABLE customer (
    customer_id text CONSTRAINT customer_exists PRIMARY KEY,
    name text NOT NULL,
    date_of_birth date NOT NULL,
    address text NOT NULL,
    ssn_hash bytea NOT NULL,                -- HMAC-SHA256 of the nine digits; its key is in no database
    kyc_status smallint NOT NULL,           -- 1 PENDING, 2 VERIFIED, 3 REJECTED
    good_standing boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change
    CONSTRAINT customer_kyc_status_known CHECK (kyc_status BETWEEN 1 AND 3),
    CONSTRAINT customer_ssn_hash_is_sha256 CHECK (octet_length(ssn_hash) = 32)
);

-- Products ---------------------------------------------------------------------------------------------------------------

-- The latest version of each; plain, standard and savings are the program's and have no row.
CREATE TABLE product (
    product text CONSTRAINT product_exists PRIMARY KEY,
    product_version integer NOT NULL,
    account_type smallint NOT NULL,
    fee_minor bigint NOT NULL,
    fees_per_day integer NOT NULL,
    fees_per_month integer NOT NULL,
    first_fee_waived boolean NOT NULL,
    fee_may_exceed_limit boolean NOT NULL,
    grace_hours integer NOT NULL,
    day_count integer NOT NULL,
    currency text NOT NULL,
    interest text NOT NULL,
    tier_mode text NOT NULL,
    tiers text NOT NULL,                    -- minor units and rate of each, `0:0.01;100000:0.02`
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,
    CONSTRAINT product_type_known CHECK (account_type BETWEEN 1 AND 3),
    CONSTRAINT product_fee_not_negative CHECK (fee_minor >= 0)
);

-- Every version, for ever: an overdraft fee names the one it was charged under.
CREATE TABLE product_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    defined_at timestamptz NOT NULL,
    product_version integer NOT NULL,
    account_type smallint NOT NULL,
    fee_minor bigint NOT NULL,
    fees_per_day integer NOT NULL,
    fees_per_month integer NOT NULL,
    first_fee_waived boolean NOT NULL,
    fee_may_exceed_limit boolean NOT NULL,
    grace_hours integer NOT NULL,
    day_count integer NOT NULL,
    product text NOT NULL,
    currency text NOT NULL,
    interest text NOT NULL,
    tier_mode text NOT NULL,
    tiers text NOT NULL,
    PRIMARY KEY (lane_no, seq),
    CONSTRAINT product_version_is_unique UNIQUE (product, product_version)
);
SELECT keep_for_ever('product_version');

-- Accounts ---------------------------------------------------------------------------------------------------------------

-- A LEGAL hold, a capture and a fee may take an account below its limit; what no debit may do is for the audit to prove.
ALTER TABLE account
    ADD COLUMN customer_id text,
    ADD COLUMN protection_account_id text,              -- the account that steps in before this one is overdrawn
    ADD COLUMN good_standing boolean NOT NULL DEFAULT true, -- its customer's, changed with it
    ADD COLUMN fee_day date,                            -- the bank's day of the last fee charged
    ADD COLUMN fees_on_day integer NOT NULL DEFAULT 0,
    ADD COLUMN fees_in_month integer NOT NULL DEFAULT 0,
    ADD COLUMN fee_year integer NOT NULL DEFAULT 0,     -- the last calendar year in which a fee fell due, waived or not
    ADD COLUMN hold_expiry timestamptz,                 -- no hold that is counted expires before
    ADD COLUMN grace_until timestamptz,                 -- no fee comes back after
    DROP CONSTRAINT account_within_its_limit,
    ADD CONSTRAINT account_holds_not_negative CHECK (account_type = 0 OR available_minor <= ledger_minor),
    ADD CONSTRAINT account_closed_holds_nothing CHECK (status <> 3 OR available_minor = 0),
    ADD CONSTRAINT account_does_not_protect_itself CHECK (protection_account_id <> account_id);
CREATE INDEX account_protected ON account (account_id) WHERE protection_account_id IS NOT NULL;
CREATE INDEX account_by_protector ON account (protection_account_id) WHERE protection_account_id IS NOT NULL;
CREATE INDEX account_by_customer ON account (customer_id) WHERE customer_id IS NOT NULL;

-- What was agreed on, from when on: what a debit or a fee was allowed is judged by the terms of its time.
CREATE TABLE account_terms (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    set_at timestamptz NOT NULL,
    account_no bigint NOT NULL,
    overdraft_limit_minor bigint NOT NULL,
    good_standing boolean NOT NULL,
    product text NOT NULL,
    protection_account_id text,
    PRIMARY KEY (lane_no, seq, account_no)
);
CREATE INDEX account_terms_by_account ON account_terms (account_no, set_at);
SELECT keep_for_ever('account_terms');

-- Of accounts that were opened before, the answers know. An amount has all decimals of its currency: without the point it
-- is minor units.
INSERT INTO account_terms (lane_no, seq, set_at, account_no, overdraft_limit_minor, good_standing, product)
SELECT event.lane_no, event.seq, occurred_at, account_no, replace(said ->> 'overdraft_limit', '.', '')::bigint, true,
       said ->> 'product'
  FROM event JOIN account ON account_id = aggregateid AND account.lane_no = 0,
       LATERAL (SELECT convert_from(payload, 'UTF8')::jsonb AS said) AS told
 WHERE kind = 1 AND type IN ('account.opened', 'account.overdraft_set');

-- Holds ------------------------------------------------------------------------------------------------------------------

-- A hold as it is. Its account's row is its lock.
CREATE TABLE hold (
    account_no bigint NOT NULL,
    hold_id text NOT NULL,
    reason smallint NOT NULL,               -- 1 PENDING_ACH, 2 DEBIT_CARD_AUTH, 3 LEGAL
    status smallint NOT NULL,               -- 1 OPEN -> 2 CAPTURED, 3 RELEASED or 4 EXPIRED
    amount_minor bigint NOT NULL,           -- authorised: what was captured, released and expired, and what remains
    captured_minor bigint NOT NULL,
    released_minor bigint NOT NULL,
    expired_minor bigint NOT NULL,
    expires_at timestamptz,
    lapsed boolean NOT NULL,                -- past its expiry, and no longer counted as held on the account's row
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change
    placed_at timestamptz NOT NULL,
    lane_no integer NOT NULL,               -- with seq: the stamp of the command that placed it
    seq bigint NOT NULL,
    CONSTRAINT hold_exists PRIMARY KEY (account_no, hold_id),
    CONSTRAINT hold_reason_known CHECK (reason BETWEEN 1 AND 3),
    CONSTRAINT hold_status_known CHECK (status BETWEEN 1 AND 4),
    CONSTRAINT hold_parts_not_negative CHECK (least(captured_minor, released_minor, expired_minor) >= 0 AND amount_minor > 0),
    CONSTRAINT hold_open_has_something_left CHECK (
        (status = 1) = (amount_minor - captured_minor - released_minor - expired_minor > 0)),
    CONSTRAINT hold_within_its_amount CHECK (captured_minor + released_minor + expired_minor <= amount_minor)
) WITH (fillfactor = 70);
CREATE INDEX hold_counted ON hold (account_no, expires_at) WHERE status = 1 AND NOT lapsed;

-- Every state a hold was in, for ever.
CREATE TABLE hold_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    account_no bigint NOT NULL,
    status smallint NOT NULL,
    amount_minor bigint NOT NULL,
    captured_minor bigint NOT NULL,
    released_minor bigint NOT NULL,
    expired_minor bigint NOT NULL,
    expires_at timestamptz,
    hold_id text NOT NULL,
    PRIMARY KEY (lane_no, seq)
);
CREATE INDEX hold_version_by_hold ON hold_version (account_no, hold_id);
SELECT keep_for_ever('hold_version');

-- What moves beside a transaction's own legs -----------------------------------------------------------------------------

-- Protection, fees, and fees that came back. No reversal undoes them.
CREATE TABLE side_leg (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    leg_no smallint NOT NULL,
    kind smallint NOT NULL,                 -- 1 protection, 2 fee, 3 a fee that comes back
    source_no bigint NOT NULL,
    destination_no bigint NOT NULL,
    amount_minor bigint NOT NULL,
    PRIMARY KEY (lane_no, seq, leg_no),
    CONSTRAINT side_leg_kind_known CHECK (kind BETWEEN 1 AND 3),
    CONSTRAINT side_leg_amount_positive CHECK (amount_minor > 0)
);
CREATE INDEX side_leg_by_time ON side_leg USING brin (posted_at) WITH (pages_per_range = 32);
SELECT keep_for_ever('side_leg');

-- Fees that fell due: charged by a side leg, or waived.
CREATE TABLE overdraft_fee (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    charged_at timestamptz NOT NULL,
    fee_no smallint NOT NULL,
    account_no bigint NOT NULL,
    day date NOT NULL,                      -- the bank's
    amount_minor bigint NOT NULL,
    product_version integer NOT NULL,       -- under which it fell due
    leg_no smallint,                        -- the side leg; null where it was waived
    refundable_until timestamptz,           -- it comes back if the balance is restored until then
    product text NOT NULL,
    PRIMARY KEY (lane_no, seq, fee_no),
    CONSTRAINT overdraft_fee_waived_or_charged CHECK ((leg_no IS NULL) = (amount_minor = 0) AND amount_minor >= 0)
);
CREATE INDEX overdraft_fee_by_account ON overdraft_fee (account_no, day);
SELECT keep_for_ever('overdraft_fee');

CREATE TABLE fee_refund (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    refunded_at timestamptz NOT NULL,
    leg_no smallint NOT NULL,
    fee_lane_no integer NOT NULL,
    fee_seq bigint NOT NULL,
    fee_no smallint NOT NULL,
    PRIMARY KEY (lane_no, seq, leg_no),
    CONSTRAINT fee_comes_back_once UNIQUE (fee_lane_no, fee_seq, fee_no)
);
SELECT keep_for_ever('fee_refund');

-- Settlements ------------------------------------------------------------------------------------------------------------

ALTER TABLE transaction
    DROP CONSTRAINT transaction_kind_known,
    ADD CONSTRAINT transaction_kind_known CHECK (kind BETWEEN 1 AND 9); -- 7 capture, 8 settlement without a hold, 9 refund

CREATE TABLE refund (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    refunded_at timestamptz NOT NULL,
    original_lane_no integer NOT NULL,
    original_seq bigint NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT refund_amount_positive CHECK (amount_minor > 0),
    PRIMARY KEY (lane_no, seq)
);
CREATE INDEX refund_by_original ON refund (original_lane_no, original_seq);
SELECT keep_for_ever('refund');

-- Reading ----------------------------------------------------------------------------------------------------------------

-- What has expired and is still counted as held on an account's row, because nobody has decided on the account since.
CREATE FUNCTION expired_minor(wanted_no bigint, instant timestamptz) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT coalesce(sum(amount_minor - captured_minor - released_minor - expired_minor), 0)::bigint
     FROM hold WHERE account_no = wanted_no AND status = 1 AND NOT lapsed AND expires_at <= instant $$;
