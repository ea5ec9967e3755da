-- name: standing
-- Where every lane of a context stands, to be held against what Kafka remembers. $1 context
SELECT partition, epoch, next_offset, next_seq FROM lane WHERE context = $1;

-- name: lock_context
-- Nobody applies anything meanwhile. Sorted as in every batch. $1 context
SELECT lane_no, partition, epoch, next_offset, next_seq, decided_at FROM lane
 WHERE context = $1 ORDER BY lane_no FOR UPDATE;

-- name: raise_epochs
-- The notice is the first event of the new epoch, so numbers go on where they stood.
-- $1 integer[] lane_no, $2 epoch, $3 instant
UPDATE lane SET epoch = $2, next_seq = next_seq + 1, decided_at = $3 WHERE lane_no = ANY($1::integer[]);
