-- A row for each machine, which /readyz writes to prove that the server can write.

CREATE TABLE tb_probe (
  id           INT UNSIGNED NOT NULL COMMENT 'CRC-32 of the host name',
  written_time DATETIME(6) NOT NULL,
  PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
