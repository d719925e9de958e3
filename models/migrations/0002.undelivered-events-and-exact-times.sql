-- Undelivered events: every event that cannot be used is kept, with the reason, also one without a stream or a file.
-- All deliveries of one event share its event_id. Rows of before get an id of their own.

ALTER TABLE tb_undelivered_callback
  ADD COLUMN event_id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' FIRST,
  ADD COLUMN reason VARCHAR(255) NOT NULL DEFAULT '' AFTER event_id;

UPDATE tb_undelivered_callback
  SET event_id = SHA2(CONCAT(stream_id, ' ', file_id), 256), reason = 'stream_id: names no user';

ALTER TABLE tb_undelivered_callback
  DROP PRIMARY KEY,
  DROP COLUMN stream_id,
  DROP COLUMN file_id,
  ADD PRIMARY KEY (event_id);

-- Newest first is exact within a second, and so is the room information in force.

ALTER TABLE tb_ugc MODIFY create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6);

ALTER TABLE tb_room MODIFY create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6);
