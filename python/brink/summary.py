# SPDX-License-Identifier: MIT
"""What a repository shows of published results, in Markdown: a gallery, a table of verdicts for the README, and all claims on a page of their own."""

from __future__ import annotations

import html
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from brink.claims import FAILED, Verdict
from brink.errors import BrinkError
from brink.judging import Judgement, read_judgements, verdict_counts
from brink.pages import RULES_WERE_FIXED, TITLES, discussed
from brink.results import size_in
from brink.tables import read_tables

if TYPE_CHECKING:
    from brink.experiment import Experiment

BEGIN = "<!-- Written by `tools/reproduce --publish docs/results`; change it there. -->"
END = "<!-- The end of what `tools/reproduce --publish` writes. -->"
ACROSS = 2  # pictures of the gallery in a row


def published(everyone: Iterable["Experiment"], place: pathlib.Path) -> list[tuple["Experiment", str]]:
    """The experiments that have a result in a folder, each with the size of it."""
    return [(one, size) for one in everyone if (size := size_in(place / one.id)) is not None]


def not_discussed(entries: Iterable[tuple["Experiment", str]], place: pathlib.Path) -> list[tuple[str, str]]:
    """(id, claim) of the claims that are weak or do not hold, and that the experiment does not discuss."""
    return [(one.id, claim.claim) for one, _ in entries for claim in read_judgements(place / one.id)
            if claim.verdict in FAILED and not discussed(one, claim)]


def readme_part(everyone: Sequence["Experiment"], place: pathlib.Path, readme: pathlib.Path) -> str:
    """What the README has between its two marks: the gallery, and a row for each experiment, also for one that has not been run."""
    base = pathlib.PurePath(os.path.relpath(place.resolve(), readme.resolve().parent)).as_posix()
    entries = published(everyone, place)
    judged = {one.id: read_judgements(place / one.id) for one, _ in entries}
    sizes = {one.id: size for one, size in entries}
    shown = [one for one, _ in entries if one.gallery and (place / one.id / "thumbnail.png").is_file()]
    total = verdict_counts(claim for claims in judged.values() for claim in claims)
    lines = [*gallery(shown, judged, base), "", TITLES, "Number of verdicts: " + ", ".join(f"*{name}* {count}" for name, count in total.items()) + ".", "",
             table_row("id", "title", "size", *Verdict), table_row("---", "---", "---", *["--:" for _ in Verdict])]
    for one in everyone:
        names = ", ".join(one.names)
        if one.id not in sizes:
            lines.append(table_row(names, one.title, "not run yet", *["" for _ in Verdict]))
            continue
        counts = verdict_counts(judged[one.id])
        lines.append(table_row(f"[{names}]({base}/README.md#{anchor(one)})", one.title, sizes[one.id], *[str(count or "") for count in counts.values()]))
    return "\n".join(lines) + "\n"


def gallery(shown: Sequence["Experiment"], judged: dict[str, list[Judgement]], base: str) -> list[str]:
    """Small pictures in a table, each with its sentence, how many claims hold, and its page."""
    cells = []
    for one in shown:
        picture = f'<img src="{base}/{one.id}/thumbnail.png" width="400" alt="{html.escape(one.title)}">'
        holding = verdict_counts(judged[one.id])[Verdict.HOLDS]
        cells.append(f'<td width="{100 // ACROSS}%" valign="top"><a href="{base}/README.md#{anchor(one)}">{picture}</a><br><b>{", ".join(one.names)}</b>: '
                     f'{html.escape(one.gallery)} {holding} of {len(judged[one.id])} claims hold. <a href="{base}/{one.id}/page.html">Page</a></td>')
    rows = ["<tr>" + "\n".join(cells[i:i + ACROSS]) + "</tr>" for i in range(0, len(cells), ACROSS)]
    return ["<table>", *rows, "</table>"] if rows else []


def anchor(experiment: "Experiment") -> str:
    """The heading of an experiment on the page of all claims, as a link names it."""
    return experiment.id.lower()


def results_page(entries: Sequence[tuple["Experiment", str]], place: pathlib.Path) -> str:
    """All claims with their verdicts and what is said of them, for readers of the repository."""
    judged = {one.id: read_judgements(place / one.id) for one, _ in entries}
    counts = verdict_counts(claim for claims in judged.values() for claim in claims)
    lines = ["# Results", "", "Every claim of the paper that is judged, with the picture, what was measured, and the verdict.",
             TITLES,
             "`tools/reproduce all --size small` makes them again ([reproduce.md](../reproduce.md)).", RULES_WERE_FIXED, "",
             ", ".join(f"{name}: {count}" for name, count in counts.items()) + ".", ""]
    for one, size in entries:
        lines += [f"## {one.id}", "", f"**{plain(one.title)}.** Size {size}" + (f", also {', '.join(one.also)}" if one.also else "") +
                  f". [Page]({one.id}/page.html) with the rules.", ""]
        for name, caption in {"": one.caption, **one.captions}.items():
            picture = f"{one.id}/figure{name and '-'}{name}.svg"
            lines += [f"![{plain(one.title)}{name and ', '}{name}]({picture})", "", f"{name and name + ': '}{plain(caption)}", ""][:4 if caption else 2]
        lines += [f"{'The paper' if one.section else 'The question'}: {plain(one.paper)}", ""]
        if judged[one.id]:
            lines += [table_row("claim", "measured", "verdict"), table_row("---", "---", "---")]
            lines += [table_row(claim.claim, claim.in_words, claim.verdict) for claim in judged[one.id]] + [""]
        told = [claim for claim in judged[one.id] if claim.verdict in FAILED or discussed(one, claim)]
        lines += [f"- *{plain(claim.claim.rstrip('.'))}* – **{claim.verdict}**: {plain(discussed(one, claim)) or 'not discussed yet.'}" for claim in told]
        late = [claim for claim in judged[one.id] if claim.claim in one.changed]
        lines += [f"- *{plain(claim.claim.rstrip('.'))}* – rule: {plain(one.changed[claim.claim])}" for claim in late]
        lines += [""] if told or late else []
        if one.beside is not None:
            table = one.beside(read_tables(place / one.id))
            lines += ["Beside the paper:", "", table_row(*table.columns), table_row(*["---" for _ in table.columns]),
                      *(table_row(*row) for row in table.itertuples(index=False)), ""]
        lines += ["Notes:", "", *(f"- {plain(note)}" for note in one.notes), ""] if one.notes else []
    return "\n".join(lines)


def table_row(*cells: object) -> str:
    return "| " + " | ".join(plain(words).replace("|", "\\|") for words in cells) + " |"


def plain(words: object) -> str:
    """Words in which nothing is taken for a tag."""
    return str(words).replace("<", "&lt;")


def between_marks(readme: pathlib.Path) -> tuple[str, str, str]:
    """The text of a README before, between and after its marks."""
    before, found, rest = readme.read_text("utf-8").partition(BEGIN + "\n")
    between, closed, after = rest.partition(END)
    if not found or not closed:
        raise BrinkError(f"{readme} has no place for the table of verdicts; expected the line\n{BEGIN}\nand later the line\n{END}\n"
                         "Put both where the table belongs, and publish again.")
    return before + found, between, closed + after
