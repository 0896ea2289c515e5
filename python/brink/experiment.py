# SPDX-License-Identifier: MIT
"""An experiment: a figure or table of the paper, or a question of one's own, as one declaration."""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from brink import faults
from brink.errors import BrinkError
from brink.lab import Lab
from brink.settings import literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from brink.claims import Claim, Measured

ROOT = pathlib.Path(__file__).resolve().parents[2]  # of the checkout; the page names a file in it by its path from there
SIZES = ("smoke", "small", "paper")
Tables = dict[str, pd.DataFrame]


def nothing(tables: Tables) -> Mapping[Any, Any]:
    """The judge of an experiment without claims."""
    return {}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is run, what is collected, how it is judged, and how it is drawn.

    `work(lab)` trains, forks, sweeps and measures. `collect(lab)` returns the tables, which are written as CSV. `judge(tables)` and `draw(tables)`
    read the tables only, as they were written, so a published folder can be judged and drawn again. `sizes` has the settings of the
    experiment at each size; "reduced" is a list of sentences for the page, and "follow_up" says what a plan cannot know:
    {"forks": N, "steps": M}. `beside(tables)` is a table of words: numbers of the paper beside those of the run.

    What is known only after a run stands apart from the claims: `changed` says of a claim how it or its rule was written or changed after a run,
    and `discussion` what would have to be true for a claim that did not hold at the published size, or how far one holds that does. `gallery` is the sentence under the picture in
    the README's gallery; without one it has none. `caption` says under the figure on the page what is drawn, and `captions` the same of further figures, by their names. An experiment without `section` is a
    question of one's own, and its page says so.
    """

    id: str
    title: str
    paper: str
    sizes: Mapping[str, Mapping[str, Any]]
    work: Callable[[Lab], None]
    collect: Callable[[Lab], Tables]
    draw: Callable[[Tables], "Figure | dict[str, Figure]"]
    claims: "Sequence[Claim]" = ()
    judge: "Callable[[Tables], Mapping[Any, Measured | None]]" = nothing
    also: Sequence[str] = ()
    section: str = ""
    notes: Sequence[str] = ()
    beside: "Callable[[Tables], pd.DataFrame] | None" = None
    changed: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    discussion: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    gallery: str = ""
    caption: str = ""
    captions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    file: pathlib.Path | None = None
    called: str = ""  # what the command line calls it; the id, or the path of its file
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # settings of a size that were given by --set

    def __post_init__(self) -> None:
        # One text in place of several would be taken for its letters.
        lists = {"also": self.also, "notes": self.notes, "claims": self.claims}
        for name, given in (lists | {f"reduced, size {name}": size.get("reduced", ()) for name, size in self.sizes.items()}).items():
            if isinstance(given, str) or not isinstance(given, Sequence):
                raise BrinkError(f"experiment {self.id}: {name}: expected a tuple or list, found one {type(given).__name__}; a tuple of one has a comma: (one,)")
        for name in self.names:
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
                raise BrinkError(f"experiment {name!r}: expected a name of letters, digits, - and _")
        if unknown := set(self.sizes) - set(SIZES):
            raise BrinkError(f"experiment {self.id}: expected the sizes {', '.join(SIZES)}, found {', '.join(sorted(unknown))}")
        if not self.sizes:
            raise BrinkError(f"experiment {self.id}: expected at least one of the sizes {', '.join(SIZES)}")
        if self.claims and self.judge is nothing:
            raise BrinkError(f"experiment {self.id}: it has claims and no judge; expected judge=judge, a function of the tables that returns {{claim: Measured}}")
        texts = [claim.text for claim in self.claims]
        if len(set(texts)) != len(texts):
            raise BrinkError(f"experiment {self.id}: two claims have one text")
        for name in ("changed", "discussion"):
            words = {getattr(claim, "text", claim): sentence for claim, sentence in getattr(self, name).items()}
            if strange := set(words) - set(texts):
                raise BrinkError(f"experiment {self.id}: {name} is about what is no claim of it: {', '.join(map(repr, sorted(strange)))}")
            object.__setattr__(self, name, words)

    def command(self, size: str, *more: object) -> str:
        """The call of tools/reproduce that makes it at a size."""
        changes = [word for key, value in self.changes.items() for word in ("--set", f"{key}={literal(value)}")]
        return shlex.join(["tools/reproduce", self.called or self.id, "--size", size, *map(str, more), *changes])

    @property
    def names(self) -> tuple[str, ...]:
        return (self.id, *self.also)

    def size(self, name: str) -> Mapping[str, Any]:
        if name not in self.sizes:
            raise BrinkError(f"{self.id} has no size {name}; it has {', '.join(self.sizes)}")
        return self.sizes[name]


def load(path: str | pathlib.Path) -> Experiment:
    """The experiment of a file, which is its variable `experiment`."""
    file = pathlib.Path(path).resolve()
    if not file.is_file():
        raise BrinkError(f"{path}: there is no such file; expected one that defines `experiment = Experiment(…)`")
    spec = importlib.util.spec_from_file_location(f"brink_experiment_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Files of one folder may share functions.
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BrinkError(faults.while_loading(error, file)) from error
    finally:
        sys.path.remove(str(file.parent))
    if not hasattr(module, "experiment"):
        raise BrinkError(f"{path}: the file defines no variable `experiment`; expected one such as `experiment = Experiment(…)`")
    experiment = module.experiment
    if not isinstance(experiment, Experiment):
        raise BrinkError(f"{path}: expected a variable `experiment` of brink.experiment.Experiment, found {type(experiment).__name__}")
    return dataclasses.replace(experiment, file=file, called=str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(path))


def declares_experiment(path: pathlib.Path) -> bool:
    """Whether a file is one of an experiment, and not of functions that several share."""
    return path.is_file() and re.search(rb"^experiment\s*=", path.read_bytes(), re.M) is not None


def load_folder(folder: str | pathlib.Path) -> dict[str, Experiment]:
    """All experiments of a folder by id, in the order of figures, then tables, then the others."""
    found = [dataclasses.replace(load(path), called="") for path in sorted(pathlib.Path(folder).glob("*.py")) if declares_experiment(path)]
    by_name: dict[str, Experiment] = {}
    for one in found:
        for name in one.names:
            if name in by_name:
                raise BrinkError(f"two experiments are called {name}: {by_name[name].file} and {one.file}")
            by_name[name] = one
    return {one.id: one for one in sorted(found, key=lambda one: natural(one.id))}


def natural(name: str) -> tuple[int, str, int, str]:
    """fig2 before fig10, figures before tables."""
    match = re.match(r"(\D*)(\d*)(.*)", name)
    assert match is not None
    return (["fig", "table"].index(match[1]) if match[1] in ("fig", "table") else 2, match[1], int(match[2] or 0), match[3])
