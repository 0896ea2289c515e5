# SPDX-License-Identifier: MIT
"""Tables of numbers in files: the same bytes each time, and read back as they were judged."""

from __future__ import annotations

import pathlib

import pandas as pd

from brink.command import write_text
from brink.errors import BrinkError, DamagedResult
from brink.run import EXACT

FORMAT = "%.10g"


def write_table(path: pathlib.Path, table: pd.DataFrame) -> None:
    """A table as CSV with ten significant digits, without its index."""
    write_text(path, table.to_csv(index=False, float_format=FORMAT, lineterminator="\n"))


def read_table(path: pathlib.Path, types: dict[str, type] | None = None) -> pd.DataFrame:
    """A table that `write_table` has written; `types` are those of columns that could be taken for something else."""
    try:
        return pd.read_csv(path, dtype=types, **EXACT)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as error:
        raise DamagedResult(f"{path}: expected a table as CSV: {' '.join(str(error).split())}") from error


def write_tables(folder: pathlib.Path, tables: dict[str, pd.DataFrame]) -> None:
    if not isinstance(tables, dict):
        raise BrinkError(f"collect(): expected a dictionary of tables by name, such as {{\"ends\": table}}, found {type(tables).__name__}")
    for name, table in tables.items():
        if not isinstance(table, pd.DataFrame):
            raise BrinkError(f"collect(): expected a DataFrame as {name!r}, found {type(table).__name__}")
        write_table(folder / f"{name}.csv", table)


# Files of a result folder that are not tables of collect().
NOT_TABLES = frozenset({"claims.csv", "runs.csv"})


def read_tables(folder: pathlib.Path) -> dict[str, pd.DataFrame]:
    """All tables of a result folder by name."""
    return {path.stem: read_table(path) for path in sorted(folder.glob("*.csv")) if path.name not in NOT_TABLES}
