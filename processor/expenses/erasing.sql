-- What a user has written goes from rows that change and from rows that do not; the database's guards allow just that, and
-- only where the user is erased. A category is called `erased-` and its place among the user's: of all tables the same.

-- name: categories
-- All that the user has ever named, in the order of first use, each with the number of the user's last change; what is told
-- and summed up names no other. $1 user_no
SELECT category, max(max(change_no)) OVER () AS last_change_no
  FROM (SELECT change_no, category FROM expense_version WHERE user_no = $1
         UNION ALL SELECT change_no, category FROM budget_version WHERE user_no = $1
         UNION ALL SELECT change_no, category FROM recurring_rule WHERE user_no = $1) AS change
 GROUP BY category ORDER BY min(change_no);

-- name: erase_expenses
-- All categories at once: one may really be called `erased-1`. Those whose last change is one of a run, for no statement may
-- take long, whoever is erased. $1 user_no, $2 text[] categories, $3 the first change, $4 the last
UPDATE expense SET category = 'erased-' || named.place, notes = '', device_id = NULL
  FROM unnest($2::text[]) WITH ORDINALITY AS named (category, place)
 WHERE expense.user_no = $1 AND expense.change_no BETWEEN $3 AND $4 AND expense.category = named.category;

-- name: erase_expense_versions
-- A run of changes. $1 user_no, $2 text[] categories, $3 the first change, $4 the last
UPDATE expense_version SET category = 'erased-' || named.place, notes = '', device_id = NULL
  FROM unnest($2::text[]) WITH ORDINALITY AS named (category, place)
 WHERE expense_version.user_no = $1 AND expense_version.change_no BETWEEN $3 AND $4
   AND expense_version.category = named.category;

-- name: erase_summaries
-- $1 user_no, $2 text[] categories
UPDATE expense_summary SET category = 'erased-' || named.place
  FROM unnest($2::text[]) WITH ORDINALITY AS named (category, place)
 WHERE expense_summary.user_no = $1 AND expense_summary.category = named.category;

-- name: erase_budgets
-- $1 user_no, $2 text[] categories
UPDATE budget SET category = 'erased-' || named.place
  FROM unnest($2::text[]) WITH ORDINALITY AS named (category, place)
 WHERE budget.user_no = $1 AND budget.category = named.category;

-- name: erase_budget_versions
-- $1 user_no, $2 text[] categories
UPDATE budget_version SET category = 'erased-' || named.place
  FROM unnest($2::text[]) WITH ORDINALITY AS named (category, place)
 WHERE budget_version.user_no = $1 AND budget_version.category = named.category;

-- name: erase_recurring_rules
-- $1 user_no, $2 text[] categories
UPDATE recurring_rule SET category = 'erased-' || named.place, notes = ''
  FROM unnest($2::text[]) WITH ORDINALITY AS named (category, place)
 WHERE recurring_rule.user_no = $1 AND recurring_rule.category = named.category;

-- name: events
-- What the user was told; rates are keyed by currencies, which may be spelt as a user's id. $1 user_id
SELECT lane_no, seq, payload, headers FROM event
 WHERE aggregatetype = 'expenses' AND aggregateid = $1 AND type NOT LIKE 'rate.%';

-- name: redact
-- Each by its place, found by key: nothing else is left to a plan that was made while the table was small.
-- $1 integer[] lane_no, $2 bigint[] seq, $3 bytea[] payload, $4 bytea[] headers
UPDATE event SET payload = told.payload, headers = told.headers
  FROM unnest($1::integer[], $2::bigint[], $3::bytea[], $4::bytea[]) AS told (lane_no, seq, payload, headers)
 WHERE event.ctid = (SELECT ctid FROM event AS found WHERE found.lane_no = told.lane_no AND found.seq = told.seq);

-- name: empty_dead_letters
-- Key, code and place stay. Found by key alone, for the same reason. $1 user_id
UPDATE dead_letter SET value = NULL, headers = NULL, masked = true
 WHERE ctid = ANY (ARRAY(
           SELECT ctid FROM dead_letter WHERE key = convert_to($1::text, 'UTF8') AND octet_length(key) <= 64))
   AND (SELECT context FROM lane WHERE lane.lane_no = dead_letter.lane_no) = 'expenses'
   AND command_type NOT LIKE 'rate.%';
