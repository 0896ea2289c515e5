# SPDX-License-Identifier: MIT
"""The names of experiments: which ones are meant, and what a name that no experiment has was probably meant to be."""

from __future__ import annotations

import difflib
import pathlib
import re
from collections.abc import Iterable, Sequence

from brink.errors import BrinkError
from brink.experiment import Experiment, load

ALL = "all"
KINDS = {"figure": "fig", "figures": "fig", "figs": "fig", "f": "fig", "tab": "table", "tables": "table", "tbl": "table", "t": "table",
         "appendix": "app", "appx": "app"}


class UnknownExperiment(BrinkError):
    """A name that no experiment has."""


def find(names: Sequence[str], known: dict[str, Experiment]) -> list[Experiment]:
    """The experiments that are meant: ids, second names, files, or all."""
    by_name = {name: one for one in known.values() for name in one.names}
    found: dict[str, Experiment] = {}
    for place, name in enumerate(names):
        if name == ALL:
            found.update(known)
        elif pathlib.Path(name).suffix == ".py" and pathlib.Path(name).is_file():
            one = load(name)
            if one.id in by_name and by_name[one.id].file != one.file:
                raise UnknownExperiment(f"{name} defines {one.id}, which {by_name[one.id].file} defines too; give it another id")
            found[one.id] = one
        elif name in by_name:
            found[by_name[name].id] = by_name[name]
        else:
            raise UnknownExperiment(told(name, names[place + 1] if place + 1 < len(names) else "", list(by_name)))
    return list(found.values())


def told(name: str, following: str, known: list[str]) -> str:
    """The message about an unknown name. `following` is the word after it: "Fig 5" are two words to a shell."""
    joined = f"{name} {following}" if following and following not in known else ""
    near = exactly(joined, known) or nearest(name, known)
    there = [f"{name}.py"] if pathlib.Path(f"{name}.py").is_file() else []
    what = f"{name}: there is no such file" if name.endswith(".py") else f"no experiment is called {name!r}"
    return (what + (f"; did you mean {' or '.join(there + near)}?" if there + near else "") +
            f"\nexperiments: {' '.join([*known, ALL])}, or a file that ends in .py")


def plain(name: str) -> str:
    """A name as it would be without the liberties that people take: "Fig. 05" and "figure_5" are fig5, "table II" is table2."""
    words = re.findall(r"[a-z]+|\d+", re.sub(r"\.py$", "", pathlib.PurePath(name).name.lower()))
    words = [KINDS.get(word, word) for word in words]
    if len(words) == 2 and words[0] in ("fig", "table") and words[1] in ROMAN:
        words[1] = str(ROMAN[words[1]])
    return "".join(word.lstrip("0") or "0" if word.isdigit() else word for word in words)


ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}


def exactly(name: str, known: Iterable[str]) -> list[str]:
    """The names that are meant if only the way of writing differs. A bare number may be that of a figure or of a table."""
    short = plain(name)
    meant = [short] if not short.isdigit() else [f"fig{short}", f"table{short}"]
    return [one for one in [*known, ALL] if plain(one) in meant]


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """The names that are most probably meant, or none if nothing is near."""
    if same := exactly(name, known):
        return same
    short, candidates = plain(name), {plain(one): one for one in [*known, ALL]}
    # A key pressed twice, or a number just beyond the last one.
    once = [one for one in known if plain(one) == re.sub(r"(.)\1+", r"\1", short)]
    number = re.fullmatch(r"([a-z]*)(\d+)", short)
    around = [f"{number[1] or 'fig'}{int(number[2]) + step}" for step in (-1, 1)] if number else []
    beside = [candidates[one] for one in around if one in candidates]
    if once or beside:
        return (once or beside)[:2]
    score = {one: difflib.SequenceMatcher(None, short, short_one).ratio() for short_one, one in candidates.items()}
    best = max(score.values())
    return [one for one in score if score[one] == best and best >= 0.6][:2]
