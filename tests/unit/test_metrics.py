"""The numbers, the files in which workers put them, and their sums."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from services.metrics.catalogue import Metrics
from services.metrics.families import Counter, Histograms
from services.metrics.recorder import Recorder
from services.metrics.slots import Slot, look_at, others


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    slot = Slot.claim(tmp_path)
    yield slot
    slot.close()


def total(recorder: Recorder, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(recorder)
    return registry.get_sample_value(name, labels)


def test_a_bound_belongs_to_its_own_bucket() -> None:
    family = Histograms("x", "", bounds=(1, 2))
    for value in (0, 1, 1.5, 2, 2.5):
        family[()].observe(value)
    assert family.samples() == {(): [2, 2, 1, 7]}


def test_a_counter_adds_what_it_counts_what_it_watches_and_what_was_before() -> None:
    counter = Counter("x_total", "", "kind", known=["a", "b"])
    counter.continue_from({("a",): [1], ("c",): [2]})
    counter.watch(lambda: {"b": 10})
    counter["a"] += 100
    assert counter.samples() == {("a",): [101], ("b",): [10], ("c",): [2]}


def test_each_process_has_a_slot_of_its_own_and_the_next_one_takes_the_first_free(tmp_path: Path) -> None:
    first, second = Slot.claim(tmp_path), Slot.claim(tmp_path)
    first.write({})
    second.write({})
    first.close()
    assert sorted(map(look_at, others(tmp_path, own=-1))) == [("worker-0", False, {}), ("worker-1", True, {})]
    assert others(tmp_path, own=0) == [tmp_path / "worker-1"]
    third = Slot.claim(tmp_path)
    assert [slot.number for slot in (first, second, third)] == [0, 1, 0]
    third.close()
    second.close()


def test_a_shorter_snapshot_leaves_nothing_of_a_longer_one(slot: Slot) -> None:
    slot.write({"x_total": (["counter"], {("a" * 1000,): [1.0]})})
    slot.write({"x_total": (["counter"], {("b",): [2.5]})})
    assert slot.read() == {"x_total": (["counter"], {("b",): [2.5]})}


@pytest.mark.parametrize("damage", [b"", b"x", b"00000002 00000000\n{}", b"\xff" * 100])
def test_a_damaged_slot_is_no_snapshot(slot: Slot, tmp_path: Path, damage: bytes) -> None:
    slot.write({"x_total": (["counter"], {(): [1]})})
    path = tmp_path / "worker-0"
    path.write_bytes(damage + path.read_bytes()[len(damage) : -1])  # torn, or of another program
    with pytest.raises(ValueError, match=r"."):
        slot.read()
    assert look_at(path) == ("worker-0", True, None)


@pytest.mark.parametrize("content", [b"null", b"[]", b'{"x_total": null}', b'{"x_total": [[], [[[], 1], 2]]}'])
def test_json_of_another_program_is_no_snapshot(slot: Slot, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "worker-0").write_bytes(b"%08x %08x\n" % (len(content), zlib.crc32(content)) + content)
    with pytest.raises(ValueError, match="not the numbers of a worker"):
        slot.read()


def test_a_file_that_cannot_be_read_hides_no_other_worker(tmp_path: Path, logged: list[dict[str, Any]]) -> None:
    first, second = Recorder(Metrics(), tmp_path), Recorder(Metrics(), tmp_path)
    first.record()
    (tmp_path / "worker-7").mkdir()
    assert total(second, "xiaozhibo_workers") == total(second, "xiaozhibo_workers") == 2
    assert [line["event"] for line in logged] == ["metrics not read"]
    first.close()
    second.close()


def test_gauges_count_while_their_process_lives_and_counters_for_ever(tmp_path: Path) -> None:
    gone = Metrics()
    gone.logins["hashed"] += 3
    Recorder(gone, tmp_path).close()
    taken = Slot.claim(tmp_path)  # so that the next one does not continue from it
    taken.close()
    slot = Slot.claim(tmp_path)
    recorder = Recorder(Metrics(), tmp_path)
    slot.close()
    assert total(recorder, "xiaozhibo_workers") == 1
    assert total(recorder, "xiaozhibo_logins_total", outcome="hashed") == 3
    recorder.close()


def test_a_slot_that_cannot_be_read_for_a_moment_counts_as_before(tmp_path: Path) -> None:
    other = Metrics()
    writing, reading = Recorder(other, tmp_path), Recorder(Metrics(), tmp_path)
    other.logins["hashed"] += 3
    writing.record()
    assert total(reading, "xiaozhibo_logins_total", outcome="hashed") == 3
    (tmp_path / "worker-0").write_bytes(b"half of")
    assert total(reading, "xiaozhibo_logins_total", outcome="hashed") == 3
    assert total(reading, "xiaozhibo_workers") == 2
    writing.close()
    assert total(reading, "xiaozhibo_logins_total", outcome="hashed") == 3
    reading.close()


def test_numbers_of_another_version_are_not_added(tmp_path: Path) -> None:
    slot = Slot.claim(tmp_path)
    slot.write(
        {
            "xiaozhibo_logins_total": (["counter", "other_label"], {("hashed",): [1]}),
            "xiaozhibo_argon2_refused_total": (["counter"], {(): [5]}),
            "xiaozhibo_gone_total": (["counter"], {(): [5]}),
        }
    )
    second = Recorder(Metrics(), tmp_path)
    assert total(second, "xiaozhibo_logins_total", outcome="hashed") == 0
    assert total(second, "xiaozhibo_argon2_refused_total") == 5
    slot.close()
    heir = Recorder(Metrics(), tmp_path)
    assert total(heir, "xiaozhibo_logins_total", outcome="hashed") == 0
    assert total(heir, "xiaozhibo_argon2_refused_total") == 5
    second.close()
    heir.close()
