-- An INSERT … SELECT locks the counter of its table, unless innodb_autoinc_lock_mode is 2: uploads of all users waited for
-- each other. The ids of tb_room are no counter any more. They tell the rows of one user apart, and two users may have
-- the same. The default is for the version before, which also needs by_id still, and for imports and demo data. On Galera
-- no node takes writes until the table has been copied.

ALTER TABLE tb_room MODIFY id BIGINT UNSIGNED NOT NULL DEFAULT (UUID_SHORT());
