"""Statements that are written by SQLAlchemy and run by the driver.

For what every call does, and for rows of a hundred columns, SQLAlchemy's own way takes longer than the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from operator import itemgetter
from typing import Any

from sqlalchemy import ClauseElement, Connection


class Prepared:
    """One statement. It is compiled once for a dialect, so it must not depend on its values: no expanding IN."""

    def __init__(self, statement: ClauseElement, columns: Sequence[str] | None = None) -> None:
        """columns: of an INSERT, those that are given."""
        self._statement = statement
        self._columns = columns
        self._compiled: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {}

    def __call__(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Run it once; the rows, as tuples, in the order of its columns."""
        text, names, constants = self._for(connection)
        known = {**constants, **values}
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(text, tuple([known[name] for name in names]))
            return list(cursor.fetchall()) if cursor.description else []

    def insert(self, connection: Connection, values: Mapping[str, Any]) -> int:
        """Run it once; the number that the new row got."""
        text, names, constants = self._for(connection)
        known = {**constants, **values}
        with closing(connection.connection.cursor()) as cursor:
            cursor.execute(text, tuple([known[name] for name in names]))
            return int(cursor.lastrowid)

    def many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of these rows."""
        text, names, _ = self._for(connection)
        with closing(connection.connection.cursor()) as cursor:
            cursor.executemany(text, list(map(itemgetter(*names), rows)))

    def _for(self, connection: Connection) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        """The text, the names of its values in their order, and those values that are the same every time."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            compiled = self._statement.compile(dialect=dialect, column_keys=self._columns)
            names = tuple(getattr(compiled, "positiontup", None) or ())
            self._compiled[dialect.name] = (str(compiled), names, dict(compiled.params))
        return self._compiled[dialect.name]
