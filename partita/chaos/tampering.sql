-- name: change_entry
-- What was booked may not be changed.
UPDATE entry SET amount_minor = amount_minor;

-- name: delete_entry
-- It may not go away.
DELETE FROM entry;

-- name: truncate_entry
-- Not even all at once.
TRUNCATE entry;

-- name: change_event
-- What was told may not be changed.
UPDATE event SET kind = kind;

-- name: delete_event
-- It may not go away.
DELETE FROM event;

-- name: truncate_event
-- Not even all at once.
TRUNCATE event;

-- name: change_transaction
-- What was tried may not be changed.
UPDATE transaction SET kind = kind;

-- name: delete_transaction
-- It may not go away.
DELETE FROM transaction;

-- name: truncate_transaction
-- Not even all at once.
TRUNCATE transaction;
