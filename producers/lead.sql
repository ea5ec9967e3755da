-- name: lead
-- One session leads under a name. The lock lives as long as the session, so a leader that dies lets go of it. $1 text
SELECT pg_try_advisory_lock(hashtextextended($1::text, 0));

-- name: answer
-- What a leader says while it has nothing to ask, so that the server does not take it for frozen.
SELECT;
