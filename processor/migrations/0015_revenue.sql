-- Revenue: accounts of customers who pay, what each has paid for a period, and every version of both.
--
-- The row of an account is the lock of all its records. Amounts are minor units of the currency beside them; a credit note is
-- negative. Deleting an account is one row: its records go with it because every read comes by way of `live_revenue` or
-- `revenue_below`, which know the account. Texts that rows are sorted by compare by their bytes, on any machine alike.

CREATE SEQUENCE revenue_account_no AS bigint;

CREATE TABLE revenue_account (
    account_no bigint PRIMARY KEY,          -- the surrogate that all other rows carry
    account_id text COLLATE "C" NOT NULL CONSTRAINT revenue_account_exists UNIQUE,
    name text NOT NULL,
    tier text NOT NULL,
    version_no integer NOT NULL,            -- 1 at first, one more with each change of the account and the deletion
    records bigint NOT NULL,                -- how many it has, deleted ones left out; of a deleted one, how many went with it
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    lane_no integer NOT NULL,               -- with seq: the stamp of the command that created it
    seq bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change of the account or of a record of it
    CONSTRAINT revenue_account_tier_known CHECK (tier IN ('free', 'pro', 'enterprise')),
    CONSTRAINT revenue_account_counts_records CHECK (records >= 0),
    CONSTRAINT revenue_account_versions_count_from_one CHECK (version_no >= 1)
) WITH (fillfactor = 50);

CREATE TABLE revenue_account_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    account_no bigint NOT NULL,
    version_no integer NOT NULL,
    deleted boolean NOT NULL,
    name text NOT NULL,
    tier text NOT NULL,
    PRIMARY KEY (account_no, version_no)
);
SELECT keep_for_ever('revenue_account_version');

-- A record as it is. A deleted one stays: its id stays taken. One of a deleted account is as it was then.
CREATE TABLE revenue_record (
    account_no bigint NOT NULL,
    record_id text COLLATE "C" NOT NULL,
    version_no integer NOT NULL,            -- 1 at first, one more with each change and the deletion
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    deleted boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,
    CONSTRAINT revenue_record_exists PRIMARY KEY (account_no, record_id),
    CONSTRAINT revenue_record_is_of_something CHECK (amount_minor <> 0),
    CONSTRAINT revenue_record_period_has_days CHECK (period_start <= period_end),
    CONSTRAINT revenue_record_versions_count_from_one CHECK (version_no >= 1)
) WITH (fillfactor = 90);
-- A month of an account, and all its months: lists read rows in this order, summaries the index alone.
CREATE INDEX revenue_record_by_period ON revenue_record (account_no, period_start, record_id)
    INCLUDE (currency, amount_minor) WHERE NOT deleted;

CREATE TABLE revenue_record_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    account_no bigint NOT NULL,
    version_no integer NOT NULL,
    amount_minor bigint NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    deleted boolean NOT NULL,
    record_id text COLLATE "C" NOT NULL,
    currency text NOT NULL,
    PRIMARY KEY (account_no, record_id, version_no)
);
SELECT keep_for_ever('revenue_record_version');
-- What a snapshot is read by, in the order of its rows; and what tells of each row whether it was changed, which few are.
CREATE INDEX revenue_record_version_by_period ON revenue_record_version (account_no, period_start, record_id);
CREATE INDEX revenue_record_version_changed ON revenue_record_version (account_no, record_id, version_no) WHERE version_no > 1;

-- The accounts that there are.
CREATE VIEW live_revenue_account AS
SELECT account_no, account_id, name, tier, version_no, records, created_at FROM revenue_account WHERE deleted_at IS NULL;

-- The records that count: not deleted, and of an account that is not.
CREATE VIEW live_revenue AS
SELECT account_no, account_id, record_id, r.version_no, amount_minor, currency, period_start, period_end
  FROM revenue_record AS r JOIN live_revenue_account USING (account_no) WHERE NOT r.deleted;

-- The accounts of a run of their numbers as they stood below a cut, without those that were deleted by then.
-- $1 integer[] lanes, $2 bigint[] the first seq of each that lies above the cut, $3 the first account_no, $4 the last
CREATE FUNCTION revenue_accounts_below(integer[], bigint[], bigint, bigint)
RETURNS TABLE (account_no bigint, account_id text, name text, tier text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT last.account_no, a.account_id, last.name, last.tier
      FROM (SELECT DISTINCT ON (v.account_no) v.account_no, v.name, v.tier, v.deleted FROM revenue_account_version AS v
             WHERE v.account_no BETWEEN $3 AND $4 AND v.seq < $2[array_position($1, v.lane_no)]
             ORDER BY v.account_no, v.version_no DESC) AS last
     CROSS JOIN LATERAL (SELECT each.account_id FROM revenue_account AS each WHERE each.account_no = last.account_no LIMIT 1) AS a
     WHERE NOT last.deleted
$$;

-- The records that counted below a cut: of each the last version below it, if that is no deletion and its account was there.
-- Rows lie behind one place in the order (account_no, period_start, record_id) and up to another, and of each account only those
-- of the days that are asked for are looked at. What lies below a cut was there before what follows it, so the next version
-- tells of all later ones: it is looked up row by row, however large the tables are.
-- $1 and $2 the cut as above, $3 to $5 the place behind which, $6 to $8 the place up to which: account_no, period_start,
-- record_id; $9 the first period_start, $10 the one after the last, $11 the tier of the account at the cut, or null for any
CREATE FUNCTION revenue_below(integer[], bigint[], bigint, date, text, bigint, date, text, date, date, text)
RETURNS TABLE (account_no bigint, account_id text, name text, tier text, record_id text, amount_minor bigint, currency text,
               period_start date, period_end date) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH account AS MATERIALIZED (
        SELECT a.*, CASE WHEN begins THEN $4 ELSE $9 END AS since, CASE WHEN begins THEN $5 ELSE '' END COLLATE "C" AS behind,
               CASE WHEN ends THEN $7 ELSE 'infinity' END AS until, CASE WHEN ends THEN $8 ELSE '' END COLLATE "C" AS up_to
          FROM revenue_accounts_below($1, $2, $3, $6) AS a,
               LATERAL (SELECT a.account_no = $3 AND $4 >= $9 AS begins, a.account_no = $6 AS ends) AS at
         WHERE $11 IS NULL OR a.tier = $11
    )
    SELECT account.account_no, account.account_id, account.name, account.tier, v.record_id, v.amount_minor, v.currency,
           v.period_start, v.period_end
      FROM account CROSS JOIN LATERAL (
          SELECT * FROM revenue_record_version AS each
           WHERE each.account_no = account.account_no AND (each.period_start, each.record_id) > (account.since, account.behind)
             AND (each.period_start, each.record_id) <= (account.until, account.up_to) AND each.period_start < $10
           ORDER BY each.period_start, each.record_id) AS v
     WHERE NOT v.deleted AND v.seq < $2[array_position($1, v.lane_no)] AND (
          SELECT next.seq < $2[array_position($1, next.lane_no)] FROM revenue_record_version AS next
           WHERE next.account_no = v.account_no AND next.record_id = v.record_id AND next.version_no > v.version_no
             AND next.version_no > 1
           ORDER BY next.version_no LIMIT 1) IS NOT TRUE
$$;
