-- The official server's tables and columns, widened and indexed. All times are UTC.

CREATE TABLE tb_account (
  userid      VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  password    VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'Argon2id; an imported row may hold a plain value',
  nickname    VARCHAR(100) NOT NULL DEFAULT '',
  sex         TINYINT NOT NULL DEFAULT -1 COMMENT '0 male, 1 female, -1 unknown',
  avatar      VARCHAR(1024) NOT NULL DEFAULT '',
  frontcover  VARCHAR(1024) NOT NULL DEFAULT '',
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Room information is a history: a replay takes what was in force when its broadcast started.
CREATE TABLE tb_room (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  userid      VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  title       VARCHAR(128) NOT NULL,
  location    VARCHAR(128) NOT NULL,
  frontcover  VARCHAR(1024) NOT NULL,
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id),
  KEY in_force (userid, create_time, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE tb_vod (
  userid       VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  file_id      VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  title        VARCHAR(128) NOT NULL,
  frontcover   VARCHAR(1024) NOT NULL,
  location     VARCHAR(128) NOT NULL,
  play_url     VARCHAR(1024) NOT NULL DEFAULT '',
  hls_play_url VARCHAR(1024) NOT NULL DEFAULT '',
  like_count   INT UNSIGNED NOT NULL DEFAULT 0,
  viewer_count INT UNSIGNED NOT NULL DEFAULT 0,
  start_time   DATETIME NOT NULL COMMENT 'the broadcast began',
  create_time  DATETIME NOT NULL COMMENT 'the broadcast ended',
  PRIMARY KEY (userid, file_id),
  KEY newest (create_time, file_id, userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Every recorded file that is part of a replay: one broadcast recorded in several formats is one row of tb_vod.
CREATE TABLE tb_vod_file (
  userid         VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  file_id        VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  replay_file_id VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'file_id in tb_vod',
  file_format    VARCHAR(8) NOT NULL,
  video_url      VARCHAR(1024) NOT NULL,
  start_time     DATETIME NOT NULL,
  end_time       DATETIME NOT NULL,
  PRIMARY KEY (userid, file_id),
  KEY by_time (userid, end_time),
  KEY by_replay (userid, replay_file_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE tb_ugc (
  userid      VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  file_id     VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  title       VARCHAR(128) NOT NULL,
  frontcover  VARCHAR(1024) NOT NULL,
  location    VARCHAR(128) NOT NULL,
  play_url    VARCHAR(1024) NOT NULL,
  create_time DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (userid, file_id),
  KEY newest (create_time, file_id, userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Recording events of users that do not exist (yet): kept as they came, replayed by scripts/replay-callbacks.
CREATE TABLE tb_undelivered_callback (
  stream_id    VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  file_id      VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  body         MEDIUMTEXT NOT NULL,
  create_time  DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (stream_id, file_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
