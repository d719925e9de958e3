#!/bin/bash
# The two users of MySQL with limited rights; MariaDB's image runs it at its first start (compose.yaml).
set -euo pipefail
mariadb --user=root --password="$MARIADB_ROOT_PASSWORD" <<SQL
CREATE USER server@'%' IDENTIFIED BY '$SERVER_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE ON xiaozhibo.* TO server@'%';
CREATE USER migration@'%' IDENTIFIED BY '$MIGRATION_PASSWORD';
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON xiaozhibo.* TO migration@'%';
SQL
