# SPDX-License-Identifier: MIT
"""The page of an experiment, which shows the SVG files beside it, and the index of all experiments, which is one self-contained file."""

from __future__ import annotations

import html
import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from brink.claims import Verdict
from brink.judging import Judgement, of_former_rule, read_judgements, verdict_counts
from brink.settings import literal
from brink.tables import read_table, read_tables

if TYPE_CHECKING:
    from brink.experiment import Experiment

CLASS: dict[str, str] = dict(zip(Verdict, ("holds", "weak", "fails", "open")))
SIGN: dict[str, str] = dict(zip(Verdict, ("✓", "≈", "✗", "–")))

STYLE = """
:root { --paper: #ffffff; --ink: #1b1b1b; --soft: #5c5c5c; --line: #dcdcdc; --card: #ffffff; --ground: #f5f4f1; --link: #0b5cad;
  --holds: #00664b; --weak: #7a5200; --fails: #a33c00; --open: #565656;
  --holds-ground: #dff2ea; --weak-ground: #fbeecb; --fails-ground: #fbe0d2; --open-ground: #e8e8e8; }
@media (prefers-color-scheme: dark) { :root { --paper: #17181a; --ink: #e8e6e3; --soft: #a5a39f; --line: #3a3b3e; --card: #1f2023;
  --ground: #131416; --link: #7db8f0; --holds: #7fdcb8; --weak: #f0c869; --fails: #f4a27c; --open: #b9b9b9;
  --holds-ground: #12372b; --weak-ground: #3b2f10; --fails-ground: #43220f; --open-ground: #303134; }
  .figure { filter: invert(0.9) hue-rotate(180deg); } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.1rem 3rem; }
main.wide { max-width: 92rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem; text-wrap: balance; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
.soft { color: var(--soft); font-size: .92rem; }
a { color: var(--link); }
.figure { background: #ffffff; border-radius: 6px; padding: .6rem; }
.figure img { display: block; width: 100%; height: auto; }
figure { margin: 1rem 0; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; background: var(--card); }
th, td { text-align: left; vertical-align: top; padding: .5rem .6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); font-size: .85rem; }
tr:has(+ .discussion) td { border-bottom: 0; padding-bottom: .1rem; } .discussion td { padding-top: .1rem; color: var(--soft); }
.discussion b { color: var(--ink); } .beside td { white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; }
.verdict { display: inline-block; white-space: nowrap; padding: .06rem .5rem; border-radius: 99px; font-size: .85rem; font-weight: 600; }
.holds { color: var(--holds); background: var(--holds-ground); } .weak { color: var(--weak); background: var(--weak-ground); }
.fails { color: var(--fails); background: var(--fails-ground); } .open { color: var(--open); background: var(--open-ground); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; overflow-x: auto; font-size: .88rem; }
details { margin: 1.2rem 0; } summary { cursor: pointer; }
.wall { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1rem; margin-top: 1.2rem; align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem .9rem; }
.card h2 { margin: 0 0 .1rem; font-size: 1rem; } .card h2 a { color: inherit; text-decoration: none; }
.card h2 a:hover, .card h2 a:focus { text-decoration: underline; }
.card .figure { padding: .3rem; margin: .5rem 0; }
.card ul { list-style: none; margin: .4rem 0 0; padding: 0; font-size: .9rem; }
.card li { padding: .25rem 0; border-top: 1px solid var(--line); display: flex; gap: .5rem; align-items: baseline; }
.card li span:last-child { flex: 1; } .counts { display: flex; flex-wrap: wrap; gap: .5rem 1rem; margin: .8rem 0; } .counts > span { white-space: nowrap; }
@media (max-width: 40rem) {
  main { padding: 1rem .8rem 2rem; } h1 { font-size: 1.3rem; }
  table.claims thead { display: none; }
  table.claims, table.claims tbody, table.claims tr, table.claims td { display: block; }
  table.claims tr { border: 1px solid var(--line); border-radius: 8px; margin-bottom: .8rem; padding: .4rem .2rem; }
  table.claims tr:has(+ .discussion) { margin-bottom: 0; border-bottom: 0; border-radius: 8px 8px 0 0; }
  table.claims tr.discussion { border-top: 0; border-radius: 0 0 8px 8px; }
  table.claims td { border: 0; padding: .2rem .6rem; }
  table.claims td[data-name]::before { content: attr(data-name) ": "; color: var(--soft); font-size: .85rem; }
}
"""


def text(words: object) -> str:
    return html.escape(str(words))


def verdict(name: str, short: bool = False) -> str:
    """A coloured word; the sign and the word say the same as the colour."""
    return f'<span class="verdict {CLASS[name]}" title="{text(name)}">{SIGN[name]}{"" if short else " " + text(name)}</span>'


def document(title: str, body: str, wide: bool = False) -> str:
    """A page for wide and narrow screens, light and dark."""
    return (f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)}</title>\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
            f'<style>{STYLE}</style>\n</head>\n<body>\n<main{" class=wide" if wide else ""}>\n{body}</main>\n</body>\n</html>\n')


def image(source: str, label: str) -> str:
    return f'<img alt="{text(label)}" src="{source}">'


def figure_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The figures of a result folder: figure.svg first, then figure-NAME.svg."""
    return sorted(folder.glob("figure*.svg"), key=lambda path: (path.stem != "figure", path.stem))


def claims_table(experiment: "Experiment", judged: Sequence[Judgement], former: Mapping[str, str]) -> str:
    """A row for each claim. A claim that is discussed has a second row, and a rule that came late says so.

    `former` has the rules of before of claims whose rule was changed after a result.
    """
    rows = []
    numbers = {claim.text: claim.number for claim in experiment.claims}
    said = "The paper" if experiment.section else "Said of it"
    for one in judged:
        number = f'<br><span class="soft">{text(numbers[one.claim])}</span>' if numbers.get(one.claim) else ""
        words = experiment.changed.get(one.claim) or (of_former_rule(former[one.claim]) if one.claim in former else "")
        late = f" <i>{text(words)}</i>" if words else ""
        rows.append(f'<tr><td>{text(one.claim)}</td><td data-name="{said}">{text(one.paper)}</td>'
                    f'<td class="number" data-name="Measured">{text(one.in_words)}{number}</td><td data-name="Rule">{text(one.rule)}{late}</td>'
                    f'<td>{verdict(one.verdict)}</td></tr>')
        if words := discussed(experiment, one):
            rows.append(f'<tr class="discussion"><td colspan="5"><b>{DISCUSSION}:</b> {text(words)}</td></tr>')
    return (f'<table class="claims"><thead><tr><th>Claim</th><th>{said}</th><th>Measured</th><th>Rule</th>'
            '<th>Verdict</th></tr></thead><tbody>\n' + "\n".join(rows) + f'\n</tbody></table>\n<p class="soft">{MEASURED} {RULES_WERE_FIXED}</p>\n')


DISCUSSION = "Discussion of the published run"
MEASURED = "A measured number is the one that the claim names, with its 95 % interval in brackets; n is the number of observations."
TITLES = "Titles state what the paper claims; the verdicts say whether it was found here."
RULES_WERE_FIXED = "Rules are fixed before the run. One that was written or changed after a run says so."


def discussed(experiment: "Experiment", one: Judgement) -> str:
    """What the experiment says of a claim at the published size: why it failed, or how far it holds."""
    return experiment.discussion.get(one.claim, "")


def beside_table(experiment: "Experiment", folder: pathlib.Path) -> str:
    """Numbers of the paper beside those of the run, if the experiment has such a table."""
    if experiment.beside is None:
        return ""
    table = experiment.beside(read_tables(folder))
    head = "".join(f"<th>{text(name)}</th>" for name in table.columns)
    rows = "".join("<tr>" + "".join(f'<td class="number">{text(value)}</td>' for value in row) + "</tr>\n" for row in table.itertuples(index=False))
    return f'<h2>Beside the paper</h2>\n<div class="scroll"><table class="beside"><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>\n'


def reports(folder: pathlib.Path) -> str:
    """Links to the reports of the runs, as far as `brink report` has made them."""
    if not (folder / "runs.csv").is_file():
        return ""
    links = [f'<a href="../runs/{text(row.folder)}/report.html">{text(row.name)}</a>' for row in read_table(folder / "runs.csv").itertuples(index=False)
             if (folder.parent / "runs" / str(row.folder) / "report.html").is_file()]
    return f"<details><summary>Reports of runs: {len(links)}</summary><p>{' · '.join(links)}</p></details>\n" if links else ""


def experiment_page(experiment: "Experiment", size: str, folder: pathlib.Path, judged: Sequence[Judgement]) -> str:
    """The page of an experiment, from what stands in its result folder."""
    told = json.loads((folder / "result.json").read_text("utf-8"))
    also = f" · also {', '.join(experiment.also)}" if experiment.also else ""
    body = [f"<h1>{text(experiment.title)}</h1>\n",
            f'<p class="soft">{text(experiment.id)}{text(also)}{" · " + text(experiment.section) if experiment.section else ""} · '
            f'size {text(size)} · <a href="../index.html">all experiments</a></p>\n']
    for path in figure_files(folder):
        name = path.stem.removeprefix("figure").lstrip("-")
        words = ": ".join(part for part in (name, experiment.captions.get(name, "") if name else experiment.caption) if part)
        caption = f"<figcaption>{text(words)}</figcaption>" if words else ""
        label = f"{experiment.title}: {name}" if name else experiment.title
        body.append(f'<figure><div class="figure">{image(path.name, label)}</div>{caption}</figure>\n')
    body.append(f"<h2>{'What the paper says' if experiment.section else 'Question'}</h2>\n<p>{text(experiment.paper)}</p>\n")
    if judged:
        smoke = "<p>The size smoke has made-up data and few steps, so its verdicts mean little.</p>\n" if size == "smoke" else ""
        body.append("<h2>What was measured</h2>\n" + smoke + claims_table(experiment, judged, told.get("former_rules", {})))
    body.append(beside_table(experiment, folder))
    if reduced := [*experiment.sizes[size].get("reduced", [])]:
        body.append(f"<h2>What is smaller {'than in the paper' if experiment.section else 'at this size'}</h2>\n<ul>\n" + "".join(f"<li>{text(one)}</li>\n" for one in reduced) + "</ul>\n")
    if experiment.notes:
        body.append("<h2>Notes</h2>\n" + "".join(f"<p>{text(one)}</p>\n" for one in experiment.notes))
    tables = sorted(path.name for path in folder.glob("*.csv"))
    body.append("<h2>Numbers and command</h2>\n<p>" + " · ".join(f'<a href="{name}">{name}</a>' for name in tables) + "</p>\n"
                f"<pre>{text(experiment.command(size))}</pre>\n")
    if settings := {name: value for name, value in told["settings"].items() if name not in ("reduced", "follow_up")}:
        body.append(f"<h2>Settings of the size {text(size)}</h2>\n<pre>{text(chr(10).join(f'{name} = {literal(value)}' for name, value in settings.items()))}</pre>\n")
    body.append(reports(folder))
    return document(f"{experiment.id}: {experiment.title}", "".join(body))


def index_page(entries: Iterable[tuple["Experiment", str, pathlib.Path]]) -> str:
    """The wall: every experiment with its picture and its verdicts. An entry: experiment, size, result folder."""
    cards, everything, sizes, own = [], [], set(), 0
    for experiment, size, folder in entries:
        own += not experiment.section
        judged = read_judgements(folder)
        everything += judged
        sizes.add(size)
        claims = "".join(f"<li>{verdict(one.verdict, short=True)}<span>{text(one.claim)}</span></li>" for one in judged)
        names = ", ".join(experiment.names)
        page = f"{experiment.id}/page.html"
        cards.append(f'<article class="card" id="{text(experiment.id)}"><h2><a href="{page}">{text(experiment.title)}</a></h2>'
                     f'<div class="soft">{text(names)}{" · " + text(experiment.section) if experiment.section else ""}</div>'
                     f'<a href="{page}"><div class="figure">{image(f"{experiment.id}/thumbnail.png", experiment.title)}</div></a><ul>{claims}</ul></article>\n')
    paper = ("<h1>Training instabilities and flatness: the paper's figures and tables, computed again</h1>\n"
             '<p>Wang &amp; Roberts, <i>Training Instabilities Induce Flatness Bias in Gradient Descent</i>, arXiv 2511.12558. Each picture leads to its '
             "page, with what the paper says, what was measured, and the rule of each verdict. "
             f"{TITLES}</p>\n")
    mixed = "<h1>Experiments</h1>\n<p>Each picture leads to its page, with the question, what was measured, and the rule of each verdict.</p>\n"
    body = ((mixed if own else paper) +
            f'<p class="soft">Size: {text(", ".join(sorted(sizes)))}. Rules are fixed before the run; the page of one that was written or changed after a run '
            'says so.</p>\n<div class="counts">'
            + "".join(f"<span>{verdict(name)} {count}</span>" for name, count in verdict_counts(everything).items()) + f'</div>\n<div class="wall">\n{"".join(cards)}</div>\n')
    return document("Experiments" if own else "The paper's figures and tables", body, wide=True)
