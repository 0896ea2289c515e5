# SPDX-License-Identifier: MIT
"""From an experiment to its folder: contents, the same bytes again, finished work left alone, and what the pages load."""

import dataclasses
import html.parser
import os
import pathlib
import re
import shutil
from typing import Any

import pandas as pd
import pytest

from brink import Brink, BrinkError, pages, style
from brink.claims import Claim, Measured, Rule, above, below
from brink.experiment import Experiment, load, load_folder
from brink.judging import judgements, read_judgements
from brink.lab import Lab
from brink.results import Results, changed_rules, digests, draw
from brink.tables import read_table, read_tables, write_table, write_tables

FILE = pathlib.Path(__file__).with_name("small_experiment.py")


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return load(FILE)


@pytest.fixture(scope="module")
def results(brink: Brink, experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Results:
    results = Results(tmp_path_factory.mktemp("results"))
    make(results, experiment, brink)
    return results


def make(results: Results, experiment: Experiment, brink: Brink) -> None:
    results.make(experiment, "smoke", Lab(brink, results.runs, size=experiment.size("smoke"), quiet=True))


def test_contents(results: Results, experiment: Experiment) -> None:
    folder = results.folder(experiment)
    assert sorted(path.name for path in folder.iterdir()) == ["claims.csv", "figure-other.png", "figure-other.svg", "figure.png", "figure.svg", "losses.csv",
                                                              "page.html", "result.json", "runs.csv", "thumbnail.png"]
    judged = {one.claim: one for one in read_judgements(folder)}
    assert judged["The loss falls."].n == 4 and judged["The loss falls."].seeds == 2
    assert judged["The last loss is small."].verdict in ("holds", "does not hold")
    assert judged["Nothing is measured."].verdict == "not testable at this size"
    assert judged["Nothing is measured."].in_words == "not measured"
    runs = read_table(folder / "runs.csv")
    assert list(runs["name"]) == ["rate 0.05", "rate 0.1", "fork 0.5", "fork 1.0"] and runs["digest"].str.len().eq(32).all()


def test_nothing_of_the_machine(results: Results, experiment: Experiment) -> None:
    for path in results.folder(experiment).iterdir():
        if path.suffix != ".png":
            text = path.read_text()
            assert str(results.out) not in text and "/tmp" not in text
            assert not re.search(r"\b20[2-9]\d-\d\d-\d\d\b", text), f"a date in {path.name}"


def test_the_same_bytes(results: Results, experiment: Experiment, brink: Brink, tmp_path: pathlib.Path,
                        monkeypatch: pytest.MonkeyPatch) -> None:
    again = Results(tmp_path)
    monkeypatch.setattr(os, "getpid", lambda: 4194303)
    make(again, experiment, brink)
    monkeypatch.undo()
    assert digests(again.folder(experiment)) == digests(results.folder(experiment))
    # The control: another number gives other files.
    other = dataclasses.replace(experiment, sizes={"smoke": {**experiment.sizes["smoke"], "steps": 19}})
    make(again, other, brink)
    changed = digests(again.folder(experiment))
    assert {name for name, digest in digests(results.folder(experiment)).items() if changed[name] != digest} >= {
        "losses.csv", "claims.csv", "figure.svg", "page.html", "runs.csv"}


def test_a_rule_that_is_changed_after_a_result(results: Results, experiment: Experiment, brink: Brink, tmp_path: pathlib.Path) -> None:
    """It says so, also when it is judged once more, unless the experiment does, and not once the rule of before is back."""
    place = Results(tmp_path)
    make(place, experiment, brink)
    folder, claims = place.folder(experiment), experiment.claims
    first = digests(folder)

    def judged_with(rule: Rule, **more: Any) -> str:
        late = dataclasses.replace(experiment, claims=(dataclasses.replace(claims[0], rule=rule), *claims[1:]), **more)
        place.write(late, "smoke", read_tables(folder), read_table(folder / "runs.csv"), "")
        return html_text(folder / "page.html")
    told = "This rule differs from that of the results of before: “Holds if the whole interval is above 0; weak if only the effect is.”"
    assert told in judged_with(above(0.5)) and told in judged_with(above(0.5)) and told in judged_with(above(0.6))
    assert changed_rules(folder) == {claims[0].text: str(above(0))}
    words = judged_with(above(0.5), changed={claims[0]: "Lowered after a run."})
    assert told not in words and "Lowered after a run." in words
    assert "differs" not in judged_with(above(0)) and digests(folder) == first
    new = dataclasses.replace(experiment, claims=(*claims, Claim("Another.", "", above(0))), judge=lambda tables: {**experiment.judge(tables), "Another.": None})
    place.write(new, "smoke", read_tables(folder), read_table(folder / "runs.csv"), "")
    assert "This claim was not there when" in html_text(folder / "page.html")


def html_text(path: pathlib.Path) -> str:
    return " ".join(read_page(path).text)


def test_finished_is_known(results: Results, experiment: Experiment) -> None:
    assert results.is_finished(experiment, "smoke") and not results.is_finished(experiment, "paper")
    changed = dataclasses.replace(experiment, sizes={"smoke": {**experiment.sizes["smoke"], "steps": 19}})
    assert not results.is_finished(changed, "smoke")
    table = results.folder(experiment) / "losses.csv"
    content = table.read_bytes()
    table.write_bytes(content + b"\n")
    assert not results.is_finished(experiment, "smoke")
    table.write_bytes(content)
    assert results.is_finished(experiment, "smoke")


def test_what_kills_leave_is_removed(results: Results) -> None:
    left = results.out / ".tiny.999999999"
    left.mkdir()
    results.clean()
    assert not left.exists()


class Links(html.parser.HTMLParser):
    """What a page loads, the texts in place of its images, its identifiers and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.alternatives: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "link", "iframe"):
            self.loaded.append(tag)
        if tag == "img":
            self.alternatives.append(str(given["alt"]))
        if given.get("src"):
            self.loaded.append(str(given["src"]))
        if given.get("id"):
            self.ids.append(str(given["id"]))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_page(path: pathlib.Path) -> Links:
    links = Links()
    links.feed(path.read_text("utf-8"))
    return links


def test_pages(results: Results, experiment: Experiment) -> None:
    page = read_page(results.folder(experiment) / "page.html")
    assert page.loaded == ["figure.svg", "figure-other.svg"] and page.alternatives == [experiment.title, f"{experiment.title}: other"]
    assert all((results.folder(experiment) / name).is_file() for name in page.loaded)
    assert len(page.ids) == len(set(page.ids))
    text = " ".join(page.text)
    for words in ("Loss <falls> & stays.", "The loss falls.", "Two runs.", "tools/reproduce python/tests/small_experiment.py --size smoke", "not testable at this size"):
        assert words in text
    index = results.index([experiment])
    assert index is not None
    wall = read_page(index)
    assert wall.loaded == [f"{experiment.id}/thumbnail.png"] and (index.parent / wall.loaded[0]).is_file()
    for one in (index, results.folder(experiment) / "page.html"):
        style = one.read_text("utf-8")
        assert "prefers-color-scheme: dark" in style and 'name="viewport"' in style and "url(http" not in style


def test_the_page_of_an_own_experiment(results: Results, experiment: Experiment, tmp_path: pathlib.Path) -> None:
    """Without a section it asks a question. The page says what the number is, what the settings are, and where the reports of the runs are."""
    of_paper = html_text(results.folder(experiment) / "page.html")
    for words in ("What the paper says", "The paper", "What is smaller than in the paper", "its verdicts mean little", "with its 95 % interval",
                  "Settings of the size smoke", "rates = [0.05, 0.1]\nsteps = 20\nseeds = 2"):
        assert words in of_paper
    assert "Question" not in of_paper and "follow_up" not in of_paper and "Reports of runs: 4" in of_paper
    folder = tmp_path / "tiny"
    shutil.copytree(results.folder(experiment), folder)
    runs = read_table(folder / "runs.csv")
    (tmp_path / "runs" / runs["folder"][1]).mkdir(parents=True)
    (tmp_path / "runs" / runs["folder"][1] / "report.html").touch()
    claims = (dataclasses.replace(experiment.claims[0], number="mean of the differences"), *experiment.claims[1:])
    own = dataclasses.replace(experiment, section="", claims=claims, caption="A line for each run.")
    (folder / "page.html").write_text(pages.experiment_page(own, "smoke", folder, read_judgements(folder)), "utf-8")
    words = html_text(folder / "page.html")
    for one in ("Question", "What is smaller at this size", "mean of the differences", "A line for each run.", "Reports of runs: 1"):
        assert one in words
    assert "the paper" not in words.lower()
    assert re.findall(r'href="(.*report.html)">(.*?)<', (folder / "page.html").read_text()) == [(f"../runs/{runs['folder'][1]}/report.html", runs["name"][1])]
    # One question of one's own, and the index is not that of the paper.
    index = pages.index_page([(experiment, "smoke", results.folder(experiment))])
    assert "the paper's figures" in index.replace("&#x27;", "'") and "Wang" in index
    index = pages.index_page([(experiment, "smoke", results.folder(experiment)), (own, "smoke", folder)])
    assert "Wang" not in index and "<h1>Experiments</h1>" in index


def test_ticks_of_values() -> None:
    with style.context():
        figure, axes = style.panels(1, 2)
        axes[0, 0].plot([0.05, 0.1, 0.4], [1, 2, 3])
        axes[0, 0].set_xscale("log")
        style.value_ticks(axes[0, 0].xaxis, [0.4, 0.05, 0.1, 0.1])
        style.value_ticks(axes[0, 1].yaxis, [2, 1], [0.5, 1.5])
        figure.draw_without_rendering()
    assert [tick.get_text() for tick in axes[0, 0].get_xticklabels()] == ["0.05", "0.1", "0.4"] and not axes[0, 0].get_xticks(minor=True).size
    assert [(tick.get_position()[1], tick.get_text()) for tick in axes[0, 1].get_yticklabels()] == [(0.5, "2"), (1.5, "1")]


def test_tables(tmp_path: pathlib.Path) -> None:
    write_table(tmp_path / "a.csv", pd.DataFrame({"x": [0.1 + 0.2, 1 / 3], "n": [1, 2], "t": ["a", "b,c"]}))
    assert (tmp_path / "a.csv").read_bytes() == b'x,n,t\n0.3,1,a\n0.3333333333,2,"b,c"\n'
    write_table(tmp_path / "empty.csv", pd.DataFrame())
    assert read_tables(tmp_path)["empty"].empty


def test_errors_in_an_experiment(experiment: Experiment, tmp_path: pathlib.Path) -> None:
    wrong = dataclasses.replace(experiment, judge=lambda tables: {"No such claim.": Measured(1)})
    with pytest.raises(BrinkError, match="about no claim of the experiment: 'No such claim.'"):
        judgements(wrong, {})
    for returned, told in ((Measured(1), "expected a dictionary {claim: Measured}, found Measured"), ({claim: 0.3 for claim in experiment.claims}, "expected a Measured for "
                           "'The loss falls.', .* found float"), (None, "found NoneType")):
        with pytest.raises(BrinkError, match=told):
            judgements(dataclasses.replace(experiment, judge=lambda tables: returned), {})  # type: ignore[arg-type,return-value]
    every = {claim: None for claim in experiment.claims}
    for claim in experiment.claims:  # None is an answer, no answer is an oversight
        with pytest.raises(BrinkError, match=f"judge.*: it returned nothing for '{claim.text}'; .* None for one that is not testable"):
            judgements(dataclasses.replace(experiment, judge=lambda tables: {one: None for one in every if one != claim}), {})
    assert {one.verdict for one in judgements(dataclasses.replace(experiment, judge=lambda tables: every), {})} == {"not testable at this size"}
    with pytest.raises(BrinkError, match="experiment x: it has claims and no judge; expected judge=judge"):
        Experiment(id="x", title="", paper="", sizes={"smoke": {}}, work=experiment.work, collect=experiment.collect, draw=experiment.draw,
                   claims=experiment.claims)
    with pytest.raises(BrinkError, match="expected a rule with its bound, such as below.0., found function"):
        Claim("x", "y", below)  # type: ignore[arg-type]
    with pytest.raises(BrinkError, match='collect.*expected a dictionary of tables by name, such as {"ends": table}, found DataFrame'):
        write_tables(tmp_path, pd.DataFrame())  # type: ignore[arg-type]
    with pytest.raises(BrinkError, match="draw.*: expected that it returns a figure, .* found NoneType"):
        draw(dataclasses.replace(experiment, draw=lambda tables: None), {}, tmp_path)  # type: ignore[arg-type,return-value]
    with pytest.raises(BrinkError, match="expected the sizes smoke, small, paper, found large"):
        dataclasses.replace(experiment, sizes={"large": {}})
    with pytest.raises(BrinkError, match="two claims have one text"):
        dataclasses.replace(experiment, claims=experiment.claims * 2)
    with pytest.raises(BrinkError, match="expected a name of letters"):
        dataclasses.replace(experiment, id="a/b")
    with pytest.raises(BrinkError, match="has no size small; it has smoke, paper"):
        experiment.size("small")
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(BrinkError, match="the file defines no variable `experiment`"):
        load(tmp_path / "a.py")
    with pytest.raises(BrinkError, match="no such file"):
        load(tmp_path / "b.py")
    for name in ("c.py", "d.py"):
        (tmp_path / name).write_text(FILE.read_text())
    with pytest.raises(BrinkError, match="two experiments are called tiny"):
        load_folder(tmp_path)
