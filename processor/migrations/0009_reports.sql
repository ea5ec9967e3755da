-- Reports: what finds refused transactions, and holds as they were. Posted transactions need nothing: a lane numbers in
-- the order of time, so whoever knows where an instant lies in it reads on by the primary key.

-- Refusals ------------------------------------------------------------------------------------------------------------------

-- They have no entry on an account. Predicates keep what is posted out, so it costs the books next to nothing.
CREATE INDEX transaction_refused ON transaction (lane_no, seq) WHERE refusal IS NOT NULL;
CREATE INDEX transaction_refused_source ON transaction (source_no, posted_at) WHERE refusal IS NOT NULL;
CREATE INDEX transaction_refused_destination ON transaction (destination_no, posted_at) WHERE refusal IS NOT NULL;

-- Holds -----------------------------------------------------------------------------------------------------------------------

-- The versions in which nothing was taken from a hold yet: its first is among them.
CREATE INDEX hold_version_untouched ON hold_version (account_no, changed_at)
 WHERE status = 1 AND captured_minor = 0 AND released_minor = 0 AND expired_minor = 0;

-- A hold as it stood below a cut: lanes in the order of their partitions, and where each of them stood.
CREATE FUNCTION hold_below(wanted_no bigint, wanted_id text, lanes integer[], seqs bigint[])
RETURNS SETOF hold_version LANGUAGE sql STABLE ROWS 1 AS
$$ SELECT * FROM hold_version
    WHERE account_no = wanted_no AND hold_id = wanted_id AND seq < seqs[array_position(lanes, lane_no)]
    ORDER BY changed_at DESC, array_position(lanes, lane_no) DESC, seq DESC LIMIT 1 $$;
