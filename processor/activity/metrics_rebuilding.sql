-- name: hold
-- Whoever is rolling up comes to an end first, and nobody begins before commit.
SELECT row_no FROM activity_rolled FOR UPDATE;

-- name: forget
-- The rollups of no row: steps of the funnel are always there, other facets are numbered anew.
DELETE FROM activity_rollup;
DELETE FROM activity_facet WHERE kind < 3;
UPDATE activity_facet SET merchants = 0;
UPDATE activity_rolled SET row_no = 0, top_merchant_no = NULL, top_volume_minor = NULL;

-- name: merchants
-- How many merchants are in the rollups.
SELECT count(*) FROM activity_rollup WHERE page = 0;
