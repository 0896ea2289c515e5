# SPDX-License-Identifier: MIT
"""Settings as nested dictionaries: written as TOML, compared, and hashed. Reading TOML is the standard library's tomllib."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

Settings = Mapping[str, Any]

# They change no number of a run, so two runs that differ in them alone are the same run.
WITHOUT_EFFECT = frozenset({"data.directory", "run.threads", "run.memory", "run.chunk", "run.device", "run.checkpoint_every"})


def flatten(settings: Settings, prefix: str = "") -> dict[str, Any]:
    """{"training": {"steps": 5}} as {"training.steps": 5}. Dotted keys stay as they are; an empty table stays, as {}."""
    out: dict[str, Any] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            out.update(flatten(value, name + "."))
        else:
            out[name] = dict(value) if isinstance(value, Mapping) else value
    return out


def nested(flat: Settings) -> dict[str, Any]:
    """The inverse of `flatten`; a dictionary that is nested already is copied."""
    out: dict[str, Any] = {}
    for name, value in flatten(flat).items():
        *tables, key = name.split(".")
        place = out
        for table in tables:
            place = place.setdefault(table, {})
        place[key] = value
    return out


def merged(*parts: Settings) -> dict[str, Any]:
    """Settings in one nested dictionary; a later part overrides an earlier one key by key."""
    flat: dict[str, Any] = {}
    for part in parts:
        for name, value in flatten(part).items():
            if value == {} and any(known.startswith(name + ".") for known in flat):
                continue
            for table in [known for known in flat if flat[known] == {} and name.startswith(known + ".")]:
                del flat[table]
            flat[name] = value
    return nested(flat)


def literal(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "item") and not isinstance(value, (list, tuple)):
        value = value.item()  # a NumPy scalar
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "nan"
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(literal(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)} = {literal(one)}" for key, one in value.items()) + "}"
    raise TypeError(f"expected a number, text, list or table as a setting, found {value!r}")


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key)


def toml(settings: Settings) -> str:
    """Settings as the text of a configuration file. Tables deeper than two levels are written inline."""
    lines: list[str] = []
    for name, table in _tables(settings):
        if name:
            lines += ["", f"[{name}]"]
        lines += [f"{_key(key)} = {literal(value)}" for key, value in table.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _tables(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "", {key: value for key, value in settings.items() if not isinstance(value, Mapping)}
    for name, table in settings.items():
        if not isinstance(table, Mapping):
            continue
        own = {key: value for key, value in table.items() if not isinstance(value, Mapping) or name == "sweep"}
        inner = {key: value for key, value in table.items() if isinstance(value, Mapping) and name != "sweep"}
        if own or not inner:
            yield _key(name), own
        for key, value in inner.items():
            yield f"{_key(name)}.{_key(key)}", dict(value)


def settings_hash(settings: Settings, *more: Any) -> str:
    """Twelve hexadecimal digits that are the same for settings that give the same numbers."""
    flat = {name: value for name, value in flatten(settings).items() if name not in WITHOUT_EFFECT}
    text = json.dumps([flat, *more], sort_keys=True, default=lambda value: value.item())
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(asked: Settings, found: Settings) -> list[str]:
    """The settings of `asked` that are not in `found` with the same value, as text."""
    here = flatten(found)
    out = []
    for name, value in flatten(asked).items():
        if name in WITHOUT_EFFECT or name.startswith("fork."):
            continue
        if value == {}:
            if not any(known == name or known.startswith(name + ".") for known in here):
                out.append(f"{name} = a table (there absent)")
        elif name not in here:
            out.append(f"{name} = {literal(value)} (there absent)")
        elif not _same(value, here[name]):
            out.append(f"{name} = {literal(value)} (there {literal(here[name])})")
    return out


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    return bool(a == b)
