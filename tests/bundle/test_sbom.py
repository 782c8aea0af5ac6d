"""The list of parts: what is locked and not in it is told, and so is a version or hash that differs."""

from __future__ import annotations

from typing import Any

import pytest
from distribution.project import LOCK, Locked, locked
from distribution.sbom import missing

PARTS: Locked = {"a": ("1", {"aa", "ab"}), "b": ("2", {"ba"})}


def part(name: str, version: str, *hashes: str) -> dict[str, Any]:
    listed = [{"alg": "SHA-256", "content": one} for one in hashes]
    return {"name": name, "version": version, "externalReferences": [{"type": "distribution", "hashes": listed}]}


def test_a_list_with_every_part_by_version_and_hashes_lacks_nothing() -> None:
    document = {"components": [part("b", "2", "ba"), part("a", "1", "ab", "aa"), part("c", "3")]}
    assert missing(PARTS, document) == []


@pytest.mark.parametrize(
    "instead",
    [[], [part("b", "3", "ba")], [part("b", "2")], [part("b", "2", "bb")], [{"name": "b"}]],
    ids=["absent", "another version", "no hash", "another hash", "the name alone"],
)
def test_a_part_that_is_not_as_it_is_locked_is_told(instead: list[dict[str, Any]]) -> None:
    assert missing(PARTS, {"components": [part("a", "1", "aa", "ab"), *instead]}) == ["b 2"]


def test_the_lock_is_read_with_markers_and_every_hash() -> None:
    text = LOCK.read_text("utf-8")
    parts = locked(text)
    assert list(parts) == [line.partition("==")[0] for line in text.splitlines() if line[0] not in " #"]
    assert sum(len(hashes) for _, hashes in parts.values()) == text.count("--hash=")
    assert all(hashes and version[0].isdigit() for version, hashes in parts.values())
