"""The locks are what scripts/lock makes of pyproject.toml."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SERVER = PYPROJECT["project"]["dependencies"]
GROUPS = PYPROJECT["dependency-groups"]
LOCKS = [
    ("requirements.txt", SERVER),
    ("requirements-dev.txt", GROUPS["dev"]),
    ("requirements-bench.txt", GROUPS["bench"]),
    ("requirements-fuzz.txt", GROUPS["fuzz"]),
]


def locked(name: str) -> set[tuple[str, str]]:
    """The (distribution, version) pairs of a lock; a distribution may have one for each Python."""
    return set(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize(("lock", "dependencies"), LOCKS)
def test_every_dependency_is_locked_in_a_version_that_it_allows(lock: str, dependencies: list[str]) -> None:
    for requirement in map(Requirement, dependencies):
        name = canonicalize_name(requirement.name)
        versions = {version for distribution, version in locked(lock) if distribution == name}
        fits = bool(versions) and all(map(requirement.specifier.contains, versions))
        assert fits, f"{requirement} is not locked: run ./scripts/lock"


def test_tests_run_on_the_versions_that_the_server_runs_on() -> None:
    assert locked("requirements.txt") <= locked("requirements-dev.txt")
