-- The rows of official servers that have been imported (docs/MIGRATION.md). Another import passes them over, also when
-- they have been changed or deleted here. Empty the table when nothing is left to import.

CREATE TABLE tb_imported (
  source       VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the name of the database',
  source_table VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'deleted: an account that was deleted here',
  userid       VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  detail       VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the rest of the key of the row',
  PRIMARY KEY (source, source_table, userid, detail),
  KEY userid (userid, source_table)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
