-- An INSERT … SELECT locks the counter of its table, so uploads of all users waited for each other. The ids of tb_room
-- are no counter any more: they tell the rows of a user apart, and two users may have the same. The version before runs
-- on the table, too.

ALTER TABLE tb_room
  MODIFY id BIGINT UNSIGNED NOT NULL DEFAULT (UUID_SHORT()),
  DROP KEY /*M! IF EXISTS */ by_id;
