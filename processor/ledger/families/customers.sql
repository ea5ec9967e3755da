-- name: lock_customers
-- Before any account: whoever opens an account for a customer, or changes the standing of all of them, holds its row.
-- $1 text[] customer ids
SELECT customer_id, name, date_of_birth, address, ssn_hash, kyc_status, good_standing, version, decided_at
  FROM customer WHERE customer_id = ANY($1::text[]) ORDER BY customer_id FOR UPDATE;

-- name: accounts_of
-- A statement of its own, behind the lock: it sees what was opened while the lock was waited for. $1 text[] customer ids
SELECT coalesce(array_agg(account_id), '{}') FROM account WHERE customer_id = ANY($1::text[]);

-- name: update_customers
-- Only where the row is still as it was read. $1 text[] id, $2 text[] name, $3 text[] address, $4 smallint[] kyc status,
-- $5 boolean[] good standing, $6 bigint[] version read, $7 instant
UPDATE customer SET name = u.name, address = u.address, kyc_status = u.kyc_status, good_standing = u.good_standing,
       version = customer.version + 1, decided_at = $7
  FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::boolean[], $6::bigint[])
       AS u (customer_id, name, address, kyc_status, good_standing, version)
 WHERE customer.customer_id = u.customer_id AND customer.version = u.version;

-- name: audit_account_customers
-- $1 account_no: the first; $3: the one after the last
WITH judged AS (
    SELECT account_no, account_id, a.customer_id, c.customer_id IS NULL AS lost, a.good_standing,
           c.good_standing AS true_standing
      FROM account AS a LEFT JOIN customer AS c USING (customer_id)
     WHERE account_no >= $1 AND account_no < $3 AND ($2::bigint, $4::bigint) IS NOT NULL AND a.customer_id IS NOT NULL
), bad AS (
    SELECT account_no, format('account %s (%s): there is no customer %s', account_no, account_id, customer_id) AS finding
      FROM judged WHERE lost
    UNION ALL
    SELECT account_no, format('account %s (%s): its standing is %s, that of customer %s is %s', account_no, account_id,
                              good_standing, customer_id, true_standing)
      FROM judged WHERE good_standing <> true_standing
    UNION ALL
    SELECT account_no, format('account %s (%s): it is nobody''s, and not in good standing', account_no, account_id)
      FROM account WHERE account_no >= $1 AND account_no < $3 AND customer_id IS NULL AND NOT good_standing
)
SELECT (SELECT count(*) FROM judged) AS examined, (SELECT count(*) FROM bad) AS broken,
       ARRAY(SELECT finding FROM bad ORDER BY account_no LIMIT 10) AS findings;
