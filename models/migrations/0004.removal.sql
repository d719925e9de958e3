-- Removal of accounts, and of what they published. Everything is added: the version before runs on these tables, too.

-- Set while a user's rows are being deleted. The row of the account goes last.
ALTER TABLE tb_account
  ADD COLUMN deleted_at DATETIME NULL,
  ADD KEY by_deletion (deleted_at);

-- Lists show what is not hidden. The index `newest` stays for the version before, and for what looks at all rows.
ALTER TABLE tb_vod
  ADD COLUMN hidden BOOLEAN NOT NULL DEFAULT FALSE,
  ADD KEY newest_shown (hidden, create_time, file_id, userid);

ALTER TABLE tb_ugc
  ADD COLUMN hidden BOOLEAN NOT NULL DEFAULT FALSE,
  ADD KEY newest_shown (hidden, create_time, file_id, userid);

-- Set for the files of a deleted replay: another delivery of them, or of another format, brings nothing back.
ALTER TABLE tb_vod_file
  ADD COLUMN deleted_at DATETIME NULL,
  ADD KEY by_deletion (deleted_at);
