-- The keys of a user's rows begin with the userid, so that engines that split tables by it can take this one, too. The
-- version before runs on the keys. On Galera no node takes writes until the table has been copied.

ALTER TABLE tb_room
  DROP PRIMARY KEY,
  DROP KEY by_age,
  ADD PRIMARY KEY (userid, id),
  ADD KEY /*M! IF NOT EXISTS */ by_id (id),
  ADD KEY by_age (create_time, id);
