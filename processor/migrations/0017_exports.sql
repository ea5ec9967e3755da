-- Exports: what the cells of files are made by, and how the entries of a lane are found.
--
-- Each function is one expression, which PostgreSQL puts into the statement that calls it: a call costs nothing.

-- Cells ----------------------------------------------------------------------------------------------------------------------

-- A text that a spreadsheet would run as a formula has an apostrophe before it. The last four are full-width.
CREATE FUNCTION csv_text(said text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN left(said, 1) IN ('=', '+', '-', '@', E'\t', E'\r', E'\n', '＝', '＋', '－', '＠') THEN '''' || said ELSE said END $$;

-- Minor units as a number with all decimals of its currency, none where that is not known. Which currencies have others than
-- two decimals is what ISO 4217 said when this was written; one that changes needs another migration.
CREATE FUNCTION decimal_of(minor bigint, currency text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT minor * CASE
       WHEN currency = ANY ('{BIF,CLP,DJF,GNF,ISK,JPY,KMF,KRW,PYG,RWF,UGX,UYI,VND,VUV,XAF,XOF,XPF}'::text[]) THEN 1
       WHEN currency = ANY ('{BHD,IQD,JOD,KWD,LYD,OMR,TND}'::text[]) THEN 0.001
       WHEN currency = ANY ('{CLF,UYW}'::text[]) THEN 0.0001
       WHEN currency IS NOT NULL THEN 0.01 END $$;

-- RFC 3339 in UTC with microseconds, the one form that results use too.
CREATE FUNCTION instant_text(instant timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') $$;

-- Words that results and reports use for the numbers of columns.
CREATE FUNCTION transaction_type(kind smallint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ('{transfer.make,transfer.deposit,transfer.withdraw,transfer.reverse,transfer.batch,account.close,settlement.capture,settlement.post,settlement.refund,interest.post,advance.request,advance.collect,advance.repay,advance.write_off}'::text[])[kind] $$;
CREATE FUNCTION entry_type(entry_type smallint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ('{DEPOSIT,WITHDRAWAL,TRANSFER_IN,TRANSFER_OUT,FEE,INTEREST,REVERSAL}'::text[])[entry_type] $$;
CREATE FUNCTION hold_reason(reason smallint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT ('{PENDING_ACH,DEBIT_CARD_AUTH,LEGAL}'::text[])[reason] $$;

-- Expenses -------------------------------------------------------------------------------------------------------------------

-- The expenses of some days as they stood below a cut, deleted ones left out: of each the last version that lies below.
CREATE FUNCTION expenses_below(wanted_no bigint, first_day date, last_day date, lanes integer[], seqs bigint[])
RETURNS SETOF expense_version LANGUAGE sql STABLE AS
$$ SELECT * FROM (
       SELECT DISTINCT ON (expense_id COLLATE "C") * FROM expense_version
        WHERE user_no = wanted_no AND seq < seqs[array_position(lanes, lane_no)]
        ORDER BY expense_id COLLATE "C", change_no DESC) AS last
    WHERE NOT deleted AND date BETWEEN first_day AND last_day $$;

-- What one currency was worth in another, `over / under`: as it was given, or rounded half up to 12 decimals.
CREATE FUNCTION rate_text(rate_over text, rate_under text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN rate_under = '1' THEN rate_over ELSE
       trim_scale(div(2e12 * rate_over::numeric + rate_under::numeric, 2 * rate_under::numeric) * 0.000000000001)::text END $$;

-- Entries --------------------------------------------------------------------------------------------------------------------

-- The entries of a stretch of a lane lie beside each other in the table, and are found by this alone. Hot and cold, as all.
CREATE INDEX entry_by_stamp ON entry (lane_no, seq);
CREATE INDEX entry_by_stamp ON cold.entry (lane_no, seq);
