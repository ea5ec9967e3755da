-- Rollups of merchant activity: what the five metrics are read from, for all rows up to a number.
--
-- A facet is something that a metric counts merchants by: a product, a month, a step of the KYC funnel. A merchant's row has
-- a bit for each facet that the merchant has had: 63 facets are a page, and a merchant has a row for each page that it needs,
-- nearly always the first alone. Facets are numbered as they first appear, those of a roll-up by how many rows they are of.

CREATE TABLE activity_rolled (
    only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT activity_rolled_is_one_row CHECK (only_row),
    row_no bigint NOT NULL,                 -- rows of `activity` up to this number are in the rollups; those behind it are not yet
    top_merchant_id text,                   -- of these rows the merchant with the largest volume; null for none
    top_volume numeric
) WITH (fillfactor = 50);
INSERT INTO activity_rolled (row_no) VALUES (0);

CREATE TABLE activity_facet (
    facet_no integer PRIMARY KEY,           -- 0, 1, 2 and so on
    page integer NOT NULL GENERATED ALWAYS AS (facet_no / 63) STORED,
    bit bigint NOT NULL GENERATED ALWAYS AS (1::bigint << (facet_no % 63)) STORED,
    kind smallint NOT NULL,                 -- 1 a product, 2 a month, 3 a step of the KYC funnel
    name text NOT NULL,                     -- of a month YYYY-MM, of a step the event type
    merchants bigint NOT NULL DEFAULT 0,    -- how many have it: of a product by any row, else by a SUCCESS
    succeeded bigint NOT NULL DEFAULT 0,    -- of a product: how many rows are SUCCESS
    failed bigint NOT NULL DEFAULT 0,       -- and how many FAILED
    CONSTRAINT activity_facet_exists UNIQUE (kind, name),
    CONSTRAINT activity_facet_kind_known CHECK (kind BETWEEN 1 AND 3),
    CONSTRAINT activity_facet_counts CHECK (merchants >= 0 AND succeeded >= 0 AND failed >= 0)
) WITH (fillfactor = 50);

CREATE TABLE activity_merchant (
    page integer NOT NULL,
    merchant_id text NOT NULL,
    bits bigint NOT NULL,
    volume numeric,                         -- the sum of its SUCCESS rows in naira, on the first page; null without one
    CONSTRAINT activity_merchant_exists PRIMARY KEY (merchant_id, page),
    CONSTRAINT activity_merchant_volume_on_first_page CHECK (page = 0 OR volume IS NULL)
) WITH (fillfactor = 50);
INSERT INTO activity_facet (facet_no, kind, name)
VALUES (0, 3, 'DOCUMENT_SUBMITTED'), (1, 3, 'VERIFICATION_COMPLETED'), (2, 3, 'TIER_UPGRADE');
