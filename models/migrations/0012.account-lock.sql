-- What has to be serialised for a user adds one here first (models/account.py). A lock of the row would hold on one node
-- of a cluster only. The version before runs on the column, too.

ALTER TABLE tb_account
  ADD COLUMN /*M! IF NOT EXISTS */ lock_count BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'rises with each lock';
