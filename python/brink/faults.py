# SPDX-License-Identifier: MIT
"""Errors in the file of an experiment, in one line that says where they are, and what is known of a key that was not found."""

from __future__ import annotations

import pathlib
import traceback
from collections.abc import Mapping
from types import FrameType

import pandas as pd


def while_loading(error: BaseException, file: pathlib.Path) -> str:
    """FILE:LINE: what is wrong, and below it the line of source with a caret."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        line, offset = (error.text or "").rstrip("\n"), max((error.offset or 1) - 1, 0)
        return f"{error.filename}:{error.lineno}: {error.msg}{marked(line, offset, 1)}"
    place = own_place(error, file)
    if place is None:
        return f"{file}: {in_words(error)}"
    line = (place.line or "").rstrip()
    full = source_line(place.filename, place.lineno or 0) or line
    start = place.colno or 0
    length = (place.end_colno or start + 1) - start if place.end_lineno == place.lineno else len(full) - start
    return f"{place.filename}:{place.lineno}: {in_words(error)}{marked(full, start, length)}"


def while_running(error: BaseException, file: pathlib.Path) -> str:
    """FILE:LINE, in FUNCTION: what is wrong; one line."""
    place = own_place(error, file) or traceback.extract_tb(error.__traceback__)[-1]
    functions = [one.name for one in own_places(error, file) if not one.name.startswith("<")]  # a comprehension is part of its function
    return f"{place.filename}:{place.lineno}, in {functions[-1] if functions else place.name}: {in_words(error)}"


def in_words(error: BaseException) -> str:
    """The kind of an error and its message in one line; of a key that a table or dictionary does not have, the keys that it has."""
    words = " ".join(str(error).split())
    if isinstance(error, KeyError) and (there := keys_beside(error)):
        words += f"; {there}"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def keys_beside(error: KeyError) -> str:
    """What there is in place of a column of a DataFrame, or else of a table of the argument `tables`."""
    frames: list[FrameType] = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        table = frame.f_locals.get("self")
        table = getattr(table, "obj", table)  # of groups
        if isinstance(table, pd.DataFrame):
            return f"the columns are {', '.join(map(str, table.columns))}"
    tables = frames[-1].f_locals.get("tables") if frames else None
    if isinstance(tables, Mapping) and error.args and error.args[0] not in tables:
        return f"the tables are {', '.join(map(str, tables))}"
    return ""


def own_places(error: BaseException, file: pathlib.Path) -> list[traceback.FrameSummary]:
    return [one for one in traceback.extract_tb(error.__traceback__) if pathlib.Path(one.filename).parent == file.parent]


def own_place(error: BaseException, file: pathlib.Path) -> traceback.FrameSummary | None:
    """The innermost place in the experiment's file or in one of its folder."""
    places = own_places(error, file)
    return places[-1] if places else None


def source_line(file: str, number: int) -> str:
    lines = pathlib.Path(file).read_text("utf-8").splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""


def marked(line: str, start: int, length: int) -> str:
    """A line of source without its indent, and carets below a part of it."""
    if not line.strip():
        return ""
    indent = len(line) - len(line.lstrip())
    return f"\n  {line.strip()}\n  {' ' * max(start - indent, 0)}{'^' * max(1, min(length, len(line) - start))}"


def write_traceback(error: BaseException, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(traceback.format_exception(error)), "utf-8")
