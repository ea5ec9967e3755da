-- Activity by number: what lines say again and again, whose they are and of what kind, is kept once, and a row has its number.
-- So a row takes half the space, and neither storing nor counting it compares texts.
--
-- Numbers are given under the merge lock of imports, in the order in which names come. The rollups begin anew: metrics are exact
-- meanwhile, and as fast as before when the next import has ended, or they were rebuilt.

DROP TABLE activity_merchant;
CREATE TABLE activity_merchant (
    merchant_no integer CONSTRAINT activity_merchant_numbered PRIMARY KEY,     -- 1, 2 and so on
    merchant_id text NOT NULL CONSTRAINT activity_merchant_exists UNIQUE
);
SELECT keep_for_ever('activity_merchant');

-- What texts are found by that are together longer than an index takes. Texts are UTF-8 in every database of ours, so it is
-- immutable, whatever `convert_to` promises.
CREATE FUNCTION digest_of(texts text[]) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(convert_to(array_to_json(texts)::text, 'UTF8'));

-- The texts of a line that it shares with others.
CREATE TABLE activity_kind (
    kind_no integer CONSTRAINT activity_kind_numbered PRIMARY KEY,             -- 1, 2 and so on
    product text NOT NULL,
    event_type text NOT NULL,
    status text NOT NULL,
    channel text NOT NULL,
    region text NOT NULL,
    merchant_tier text NOT NULL
);
CREATE UNIQUE INDEX activity_kind_exists ON activity_kind (digest_of(ARRAY[product, event_type, status, channel, region, merchant_tier]));
SELECT keep_for_ever('activity_kind');

ALTER TABLE activity RENAME TO activity_before;
ALTER TABLE activity_before RENAME CONSTRAINT activity_row TO activity_before_row;
ALTER TABLE activity_before RENAME CONSTRAINT activity_event_known TO activity_before_event_known;

INSERT INTO activity_merchant (merchant_no, merchant_id)
SELECT row_number() OVER (ORDER BY min(row_no)), merchant_id FROM activity_before GROUP BY merchant_id;

INSERT INTO activity_kind (kind_no, product, event_type, status, channel, region, merchant_tier)
SELECT row_number() OVER (ORDER BY min(row_no)), product, event_type, status, channel, region, merchant_tier
  FROM activity_before GROUP BY product, event_type, status, channel, region, merchant_tier;

CREATE TABLE activity (
    row_no bigint NOT NULL,                 -- 1, 2 and so on, in the order of commits
    event_id uuid NOT NULL,
    happened_at timestamp,                  -- UTC; null where the line's time could not be read
    amount_minor bigint NOT NULL,           -- kobo
    merchant_no integer NOT NULL,           -- of activity_merchant
    kind_no integer NOT NULL                -- of activity_kind
);
INSERT INTO activity (row_no, event_id, happened_at, amount_minor, merchant_no, kind_no)
SELECT b.row_no, b.event_id, b.happened_at, b.amount_minor, m.merchant_no, k.kind_no
  FROM activity_before AS b JOIN activity_merchant AS m USING (merchant_id)
  JOIN activity_kind AS k USING (product, event_type, status, channel, region, merchant_tier)
 ORDER BY b.row_no;
ALTER TABLE activity ADD CONSTRAINT activity_event_known PRIMARY KEY (event_id);
SELECT keep_for_ever('activity');

-- Rows lie in the order of their numbers, but for those behind a chunk that was undone: so an index of ranges of pages finds
-- them, which costs nothing for each row. A chunk's numbers are those that no other has, which its own table knows.
CREATE INDEX activity_row ON activity USING brin (row_no) WITH (pages_per_range = 32, autosummarize = on);
CREATE UNIQUE INDEX activity_chunk_row ON activity_chunk (end_row_no) WHERE imported > 0;
DROP TABLE activity_before;

-- Rows as their lines said it.
CREATE VIEW activity_line AS
SELECT a.row_no, a.event_id, m.merchant_id, a.happened_at, k.product, k.event_type, a.amount_minor,
       k.status, k.channel, k.region, k.merchant_tier
  FROM activity AS a JOIN activity_merchant AS m USING (merchant_no) JOIN activity_kind AS k USING (kind_no);

-- What was `activity_merchant`, by number: a merchant's bits by facet, 63 of them a page, and on the first page its volume.
CREATE TABLE activity_rollup (
    page integer NOT NULL,
    merchant_no integer NOT NULL,
    bits bigint NOT NULL,
    volume_minor numeric,                   -- the sum of its SUCCESS rows in kobo, on the first page; null without one
    CONSTRAINT activity_rollup_exists PRIMARY KEY (merchant_no, page),
    CONSTRAINT activity_volume_on_first_page CHECK (page = 0 OR volume_minor IS NULL)
) WITH (fillfactor = 50);

DELETE FROM activity_facet WHERE kind < 3;
UPDATE activity_facet SET merchants = 0;
ALTER TABLE activity_rolled DROP COLUMN top_merchant_id, DROP COLUMN top_volume,
    ADD COLUMN top_merchant_no integer,     -- of the rolled up rows the merchant with the largest volume; null for none
    ADD COLUMN top_volume_minor numeric;
UPDATE activity_rolled SET row_no = 0;

-- How far the rollups have come, and where the rows end.
CREATE VIEW activity_standing AS
SELECT r.row_no, coalesce((SELECT max(end_row_no) FROM activity_chunk WHERE imported > 0), 1) - 1 AS last_row_no
  FROM activity_rolled AS r;

-- Rows behind the rollups. Where there are none, nothing of the table is read.
CREATE VIEW activity_behind AS
SELECT * FROM activity
 WHERE (SELECT last_row_no > row_no FROM activity_standing) AND row_no > (SELECT row_no FROM activity_rolled);
