# SPDX-License-Identifier: MIT
"""From an experiment to its folder: contents, the same bytes again, finished work left alone, and what the pages load."""

import dataclasses
import html.parser
import os
import pathlib
import re

import pandas as pd
import pytest

from brink import Brink, BrinkError
from brink.claims import Claim, Measured, below
from brink.experiment import Experiment, load, load_folder
from brink.judging import judgements, read_judgements
from brink.lab import Lab
from brink.results import Results, digests, draw
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
    for words in ("Loss <falls> & stays.", "The loss falls.", "Two runs.", "tools/reproduce tiny --size smoke", "not testable at this size"):
        assert words in text
    index = results.index([experiment])
    assert index is not None
    wall = read_page(index)
    assert all(one.startswith("data:image/png;base64,") for one in wall.loaded) and len(wall.loaded) == 1
    for one in (index, results.folder(experiment) / "page.html"):
        style = one.read_text("utf-8")
        assert "prefers-color-scheme: dark" in style and 'name="viewport"' in style and "url(http" not in style


def test_tables(tmp_path: pathlib.Path) -> None:
    write_table(tmp_path / "a.csv", pd.DataFrame({"x": [0.1 + 0.2, 1 / 3], "n": [1, 2], "t": ["a", "b,c"]}))
    assert (tmp_path / "a.csv").read_bytes() == b'x,n,t\n0.3,1,a\n0.3333333333,2,"b,c"\n'
    write_table(tmp_path / "empty.csv", pd.DataFrame())
    assert read_tables(tmp_path)["empty"].empty


def test_errors_in_an_experiment(experiment: Experiment, tmp_path: pathlib.Path) -> None:
    wrong = dataclasses.replace(experiment, judge=lambda tables: {"No such claim.": Measured(1)})
    with pytest.raises(BrinkError, match="about no claim of the experiment: 'No such claim.'"):
        judgements(wrong, {})
    for returned, told in ((Measured(1), "expected a dictionary {claim: Measured}, found Measured"), ({experiment.claims[0]: 0.3}, "expected a Measured for "
                           "'The loss falls.', .* found float"), (None, "found NoneType")):
        with pytest.raises(BrinkError, match=told):
            judgements(dataclasses.replace(experiment, judge=lambda tables: returned), {})  # type: ignore[arg-type,return-value]
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
    with pytest.raises(BrinkError, match="expected a variable `experiment`"):
        load(tmp_path / "a.py")
    with pytest.raises(BrinkError, match="no such file"):
        load(tmp_path / "b.py")
    for name in ("c.py", "d.py"):
        (tmp_path / name).write_text(FILE.read_text())
    with pytest.raises(BrinkError, match="two experiments are called tiny"):
        load_folder(tmp_path)
