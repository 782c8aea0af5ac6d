"""`kill -9` at any moment: the file opens again, what was answered is there, and no credit is missing in the books."""

from __future__ import annotations

import os
import queue
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from keyapi_mcp.query import ProductQuery
from keyapi_mcp.settings import read_settings
from keyapi_mcp.store import books, reading, upkeep, watching
from keyapi_mcp.store.database import Database
from keyapi_mcp.store.location import store_path
from support import store_process
from support.sandbox_server import running_sandbox

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="needs forks and kill -9")]

KILLS: Final = 25
SECONDS: Final = 20
ENDLESS: Final = books.Limits(None, None)


class Victims:
    """Processes that pay for pages, one after the other, each until it is killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        self._stdin = process.stdin
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert process.stdout is not None
        threading.Thread(target=self._read, args=(process.stdout,), daemon=True).start()
        self.asked: list[int] = []
        self.kept: list[int] = []

    def one(self, draw: random.Random) -> None:
        """Start one and kill it at some moment."""
        self._stdin.write(f"{len(self.asked) + 1}\n")
        self._stdin.flush()
        process = int(self._line().removeprefix("pid "))
        # Some die while they open the file, most in the midst of their work.
        for _ in range(draw.choice((0, 1, 2, 3, 6, 10, 15))):
            self._note(self._line())
        threading.Event().wait(draw.uniform(0, 0.01))
        os.kill(process, signal.SIGKILL)
        while (line := self._line()) != "dead":
            self._note(line)

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._lines.put(line.strip())

    def _line(self) -> str:
        return self._lines.get(timeout=SECONDS)

    def _note(self, line: str) -> None:
        what, _, number = line.partition(" ")
        assert what in ("asking", "kept"), line
        (self.asked if what == "asking" else self.kept).append(int(number))


@contextmanager
def victims(*arguments: str) -> Iterator[Victims]:
    command = [sys.executable, str(store_process.__file__), "victims", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Victims(process)
        finally:
            process.kill()


def look(path: Path, questions: dict[int, str]) -> tuple[int, set[int]]:
    """Open the file as the next process would: credits counted, and which of the questions have their answer."""
    database = Database(path)
    try:
        assert database.run_now(upkeep.faults) == []
        counted = database.run_now(lambda connection: books.totals(connection, ENDLESS, store_process.NOW).today)
        return counted, database.run_now(
            lambda connection: {
                number for number, key in questions.items() if reading.latest_page(connection, key, "fraction")
            }
        )
    finally:
        database.close()


def test_what_was_kept_before_a_kill_is_there_and_every_credit_is_counted(tmp_path: Path) -> None:
    draw = random.Random(3)
    with victims("keep", str(tmp_path)) as killed:
        for _ in range(KILLS):
            killed.one(draw)
            path = tmp_path / "keyapi.sqlite"
            if not path.exists():
                continue  # it died before its first page
            counted, there = look(path, {number: store_process.question(number) for number in killed.kept})
            assert there == set(killed.kept)
            assert len(killed.kept) <= counted <= len(killed.asked)
    assert len(killed.kept) > KILLS
    # Some died between paying and keeping, or the kills were not at all moments.
    assert len(killed.asked) > len(killed.kept)


def test_what_was_watched_before_a_kill_is_watched_after_it(tmp_path: Path) -> None:
    draw = random.Random(5)
    with victims("watch", str(tmp_path)) as killed:
        for _ in range(KILLS):
            killed.one(draw)
            path = tmp_path / "keyapi.sqlite"
            if not path.exists():
                continue
            database = Database(path)
            try:
                assert database.run_now(upkeep.faults) == []
                listed = {one.product_id: one.note for one in database.run_now(watching.everything)}
            finally:
                database.close()
            wanted = {store_process.watched_id(number): f"note {number}" for number in killed.asked}
            kept = {store_process.watched_id(number) for number in killed.kept}
            # Whole entries, all that were told of, and none that was never asked for.
            assert kept <= listed.keys()
            assert listed.items() <= wanted.items()
    assert len(killed.kept) > KILLS


def test_a_server_that_is_killed_has_counted_every_request_that_reached_the_service(tmp_path: Path) -> None:
    draw = random.Random(4)
    with running_sandbox(products=60) as sandbox, victims("ask", str(tmp_path), sandbox.url) as killed:
        path = store_path(read_settings(base_url=sandbox.url, home=tmp_path))
        assert path is not None
        for _ in range(KILLS):
            killed.one(draw)
            if not path.exists():
                assert sandbox.requests == []
                continue
            questions = {number: ProductQuery(region="US", page_num=number).key for number in killed.kept}
            counted, there = look(path, questions)
            assert there == set(killed.kept)
            assert len(sandbox.requests) <= counted <= len(killed.asked)
    assert len(killed.kept) > KILLS
    assert len(killed.asked) > len(killed.kept)
