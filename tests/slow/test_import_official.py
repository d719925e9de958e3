"""An official database of 100,000 accounts and 20,000 replays moves in whole, in many batches."""

from pymysql.cursors import Cursor
from redis import Redis

from tests.harness.admin_command import result_of
from tests.harness.official import OFFICIAL_URL, PHP_UGC, official_database, populate


def test_a_hundred_thousand_accounts_move_in(mysql: Cursor, store: Redis) -> None:
    with official_database("php") as php:
        php.execute(PHP_UGC)
        made = populate(php, accounts=100_000, replays=20_000, videos=5_000)
        first = result_of("import-official", "--from", OFFICIAL_URL)["tables"]
        again = result_of("import-official", "--from", OFFICIAL_URL)["tables"]
    for table, read, kinds in (
        ("tb_account", 100_001, made.accounts),
        ("tb_vod", 20_000, made.replays),
        ("tb_ugc", 5_000, made.videos),
    ):
        imported, skipped = first[table]["imported"], sum(first[table]["skipped"].values())
        assert (first[table]["read"], imported + skipped) == (read, read)
        assert imported > kinds[""]  # what is wrong with most of the others can be mended
        mysql.execute(f"SELECT COUNT(*) FROM {table}")
        assert mysql.fetchone() == (imported,)
        assert (again[table]["imported"], again[table]["imported_before"]) == (0, imported)
        assert again[table]["skipped"] == first[table]["skipped"]
    mysql.execute("SELECT COUNT(*) FROM tb_account WHERE nickname = '小明😀'")
    assert mysql.fetchone() == (made.accounts["emoji"],)
    mysql.execute("SELECT COUNT(*) FROM tb_vod WHERE start_time = create_time")
    assert mysql.fetchone() == (made.replays["zero start"] + made.replays["zero end"] + made.replays["no time at all"],)
