-- The short-video app: longer titles, and its reports of users (decisions, section 12). The version before runs on both.

ALTER TABLE tb_ugc MODIFY title VARCHAR(500) NOT NULL;

-- One row for each reported user, however many reports come: nobody signs them.
CREATE TABLE tb_user_report (
  userid      VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'the reported user',
  reports     INT UNSIGNED NOT NULL,
  reporter    VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'of the last report, as it says itself',
  first_time  DATETIME NOT NULL,
  last_time   DATETIME NOT NULL,
  PRIMARY KEY (userid),
  KEY newest (last_time, userid),
  KEY reporter (reporter)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
