-- Expenses: users, what they spend in which currency, budgets, recurring entries, rates; sums by month and category.
--
-- The row of a user is the lock of everything below it. Amounts are minor units: of the currency they were spent in, and of
-- the user's own (`base_minor`, `spent_minor`, `limit_minor`). Each visible change of a user takes the user's next number;
-- the rows that bear one (expense_version, budget_version, recurring_rule) are the feed that devices read.

CREATE SEQUENCE user_no AS bigint;

CREATE TABLE expense_user (
    user_no bigint PRIMARY KEY,             -- the surrogate that all other rows carry
    user_id text NOT NULL CONSTRAINT user_exists UNIQUE,
    base_currency text NOT NULL,
    timezone text NOT NULL,
    last_change_no bigint NOT NULL,
    created_at timestamptz NOT NULL,
    erased_at timestamptz,
    lane_no integer NOT NULL,               -- with seq: the stamp of the command that created it
    seq bigint NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,        -- the instant of the last change of anything below the user
    CONSTRAINT user_counts_changes CHECK (last_change_no >= 0)
) WITH (fillfactor = 50);

-- An expense as it is. A deleted one stays: its id stays taken, and devices hear of it.
CREATE TABLE expense (
    user_no bigint NOT NULL,
    expense_id text NOT NULL,
    version_no integer NOT NULL,            -- 1 at first, one more with each change and the deletion
    change_no bigint NOT NULL,              -- the number of its last change in the user's feed
    date date NOT NULL,
    category text NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    base_minor bigint NOT NULL,
    rate_over text NOT NULL,                -- base = amount * over / under, rounded once, half up; both are decimals
    rate_under text NOT NULL,
    notes text NOT NULL,
    device_id text,                         -- the device that wrote this version
    recurring_id text,                      -- the recurring entry that made it
    deleted boolean NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,
    CONSTRAINT expense_exists PRIMARY KEY (user_no, expense_id),
    CONSTRAINT expense_amount_positive CHECK (amount_minor > 0 AND base_minor >= 0),
    CONSTRAINT expense_versions_count_from_one CHECK (version_no >= 1)
) WITH (fillfactor = 90);
-- Only for lists, which leave deleted ones out: a plan that is made while the table is small cannot take it for a look-up by id.
CREATE INDEX expense_by_date ON expense (user_no, date, category) WHERE NOT deleted;

-- Every version of an expense, for ever: what a device reads.
CREATE TABLE expense_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    user_no bigint NOT NULL,
    change_no bigint NOT NULL,
    version_no integer NOT NULL,
    date date NOT NULL,
    amount_minor bigint NOT NULL,
    base_minor bigint NOT NULL,
    deleted boolean NOT NULL,
    expense_id text NOT NULL,
    category text NOT NULL,
    currency text NOT NULL,
    rate_over text NOT NULL,
    rate_under text NOT NULL,
    notes text NOT NULL,
    device_id text,
    recurring_id text,
    PRIMARY KEY (user_no, change_no)
);
SELECT keep_for_ever('expense_version');

-- What a user has spent on a category in a month: kept with each expense, so that no summary reads expenses. Deferrable,
-- because an erasure gives all categories of a user other names in one statement.
CREATE TABLE expense_summary (
    user_no bigint NOT NULL,
    month date NOT NULL,                    -- its first day
    category text NOT NULL,
    spent_minor bigint NOT NULL,
    expenses integer NOT NULL,              -- how many, deleted ones left out
    told smallint NOT NULL,                 -- the highest threshold of a budget that was told: 0, 80 or 100
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,
    CONSTRAINT expense_summary_exists PRIMARY KEY (user_no, month, category) DEFERRABLE,
    CONSTRAINT expense_summary_of_a_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT expense_summary_adds_up CHECK (expenses > 0 AND spent_minor >= 0 OR expenses = 0 AND spent_minor = 0),
    CONSTRAINT expense_summary_within_limit CHECK (spent_minor <= 900000000000000000),
    CONSTRAINT expense_summary_told_known CHECK (told IN (0, 80, 100))
) WITH (fillfactor = 70);

-- What a user means to spend: in one month, or in every month (null) that has none of its own.
CREATE TABLE budget (
    user_no bigint NOT NULL,
    category text NOT NULL,
    month date,
    limit_minor bigint,                     -- null: it was removed
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,
    CONSTRAINT budget_exists UNIQUE NULLS NOT DISTINCT (user_no, category, month) DEFERRABLE,
    CONSTRAINT budget_of_a_month CHECK (extract(day FROM month) = 1),
    CONSTRAINT budget_not_negative CHECK (limit_minor >= 0)
) WITH (fillfactor = 70);
-- What holds in a month, whatever other months have; partial likewise.
CREATE INDEX budget_by_month ON budget (user_no, month) WHERE limit_minor IS NOT NULL;

CREATE TABLE budget_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    user_no bigint NOT NULL,
    change_no bigint NOT NULL,
    month date,
    limit_minor bigint,
    category text NOT NULL,
    PRIMARY KEY (user_no, change_no)
);
SELECT keep_for_ever('budget_version');

-- A recurring entry: where it stands. What it says is in its rules.
CREATE TABLE recurring (
    user_no bigint NOT NULL,
    recurring_id text NOT NULL,
    rules integer NOT NULL,                 -- how many it has had, stops among them
    next_on date,                           -- the first day whose expense has not been made, null for none
    next_due_at timestamptz,                -- when that day begins in the user's time zone
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,
    CONSTRAINT recurring_exists PRIMARY KEY (user_no, recurring_id),
    CONSTRAINT recurring_has_rules CHECK (rules >= 1),
    CONSTRAINT recurring_day_begins CHECK ((next_on IS NULL) = (next_due_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX recurring_due ON recurring (next_due_at, user_no, recurring_id) WHERE next_due_at IS NOT NULL;

-- What a recurring entry says from a day on, until the next rule's day.
CREATE TABLE recurring_rule (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    user_no bigint NOT NULL,
    change_no bigint NOT NULL,
    rule_no integer NOT NULL,
    effective_from date NOT NULL,
    amount_minor bigint NOT NULL,
    frequency smallint NOT NULL,            -- 1 daily, 2 weekly, 3 monthly
    starts_on date NOT NULL,
    stopped boolean NOT NULL,               -- nothing recurs from effective_from on
    ends_on date,
    recurring_id text NOT NULL,
    currency text NOT NULL,
    category text NOT NULL,
    notes text NOT NULL,
    PRIMARY KEY (user_no, change_no),
    CONSTRAINT recurring_rule_exists UNIQUE (user_no, recurring_id, rule_no),
    CONSTRAINT recurring_rule_frequency_known CHECK (frequency BETWEEN 1 AND 3),
    CONSTRAINT recurring_rule_amount_positive CHECK (amount_minor > 0)
);
SELECT keep_for_ever('recurring_rule');

-- The expense that a recurring entry has made for a day: one, for ever.
CREATE TABLE recurring_entry (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    made_at timestamptz NOT NULL,
    user_no bigint NOT NULL,
    date date NOT NULL,
    recurring_id text NOT NULL,
    expense_id text NOT NULL,
    CONSTRAINT recurring_happens_once PRIMARY KEY (user_no, recurring_id, date)
);
SELECT keep_for_ever('recurring_entry');

-- What one unit of `base` is worth in `quote` on a day, as it was set last. Looked up by what it is priced in.
CREATE TABLE rate (
    base text NOT NULL,
    quote text NOT NULL,
    date date NOT NULL,
    rate text NOT NULL CONSTRAINT rate_is_a_decimal CHECK (rate::numeric > 0),
    rate_no integer NOT NULL,               -- how often it was set
    version bigint NOT NULL DEFAULT 1,
    decided_at timestamptz NOT NULL,
    CONSTRAINT rate_exists PRIMARY KEY (quote, base, date)
) WITH (fillfactor = 90);

CREATE TABLE rate_version (
    lane_no integer NOT NULL,
    seq bigint NOT NULL,
    set_at timestamptz NOT NULL,
    date date NOT NULL,
    rate_no integer NOT NULL,
    base text NOT NULL,
    quote text NOT NULL,
    rate text NOT NULL,
    CONSTRAINT rate_version_is_unique PRIMARY KEY (quote, base, date, rate_no)
);
SELECT keep_for_ever('rate_version');

-- When a rate was set last: whoever converts decides behind that. Read and written under the lock of all rates.
CREATE TABLE rate_book (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT rate_book_is_one_row CHECK (only_row),
    decided_at timestamptz                  -- null: none ever was
) WITH (fillfactor = 50);
INSERT INTO rate_book DEFAULT VALUES;
