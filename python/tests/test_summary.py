# SPDX-License-Identifier: MIT
"""Published results: the README and the page of all claims say what claims.csv has, failed claims are discussed, and late rules are marked."""

import dataclasses
import json
import pathlib
import shutil

import pandas as pd
import pytest

from brink import pages, summary
from brink.claims import Claim, Verdict, above
from brink.errors import BrinkError
from brink.experiment import Experiment, load_folder
from brink.judging import Judgement, write_judgements
from brink.publishing import publish
from brink.reproduce import PAPER, PUBLISHED, README
from brink.results import Results

KNOWN = list(load_folder(PAPER).values())
MEND = "run `tools/reproduce --publish docs/results`"


def stale(everyone: list[Experiment], place: pathlib.Path, readme: pathlib.Path) -> list[str]:
    """What does not say what the published claims say."""
    out = [] if summary.between_marks(readme)[1] == summary.readme_part(everyone, place, readme) else ["README.md"]
    written = (place / "README.md").read_text("utf-8")
    return out + ([] if written == summary.results_page(summary.published(everyone, place), place) else ["docs/results/README.md"])


def test_what_the_repository_shows() -> None:
    assert stale(KNOWN, PUBLISHED, README) == [], MEND


def test_a_changed_verdict_is_noticed(tmp_path: pathlib.Path) -> None:
    """The control of the test above, on a copy: one verdict, then a missing result."""
    place, readme = tmp_path / "docs" / "results", tmp_path / "README.md"
    shutil.copytree(PUBLISHED, place, ignore=shutil.ignore_patterns("*.svg"))
    shutil.copy(README, readme)
    assert stale(KNOWN, place, readme) == []
    claims = next(place.glob("*/claims.csv"))
    text = claims.read_text("utf-8")
    claims.write_text(text.replace(",holds\n", ",weak\n", 1), "utf-8")
    assert claims.read_text("utf-8") != text and stale(KNOWN, place, readme) == ["README.md", "docs/results/README.md"]
    publish([], KNOWN, Results(tmp_path / "none"), place, readme)
    assert stale(KNOWN, place, readme) == []
    shutil.rmtree(claims.parent)
    assert stale(KNOWN, place, readme) == ["README.md", "docs/results/README.md"]


def test_every_link_of_the_readme_leads_somewhere() -> None:
    part = summary.readme_part(KNOWN, PUBLISHED, README)
    headings = [line.removeprefix("## ").lower() for line in (PUBLISHED / "README.md").read_text("utf-8").splitlines() if line.startswith("## ")]
    links = [word.split('"')[0].split(")")[0] for word in part.replace("](", '="').split('="')[1:]]
    targets = [link for link in links if link.startswith("docs/")]
    assert targets
    for link in targets:
        file, _, heading = link.partition("#")
        assert (README.parent / file).is_file() and (not heading or heading in headings), link


# ---- a made-up experiment, for what is published of it

good, bad, faint = (Claim(f"Claim {name} | one.", "Said.", above(0)) for name in ("good", "bad", "faint"))


def experiment(**more: object) -> Experiment:
    words = {"id": "made", "title": "Made <up>", "paper": "It says.", "sizes": {"small": {"reduced": ["Less."]}, "smoke": {}}, "claims": (good, bad, faint),
             "work": lambda lab: None, "collect": lambda lab: {}, "draw": lambda tables: {}, "judge": lambda tables: {}}
    return Experiment(**(words | more))  # type: ignore[arg-type]


def put(place: pathlib.Path, one: Experiment, size: str = "small") -> None:
    """A result folder with one claim of each kind."""
    (place / one.id).mkdir(parents=True)
    (place / one.id / "result.json").write_text(json.dumps({"id": one.id, "size": size, "settings": one.sizes[size]}))
    (place / one.id / "thumbnail.png").write_bytes(b"png")
    pd.DataFrame({"x": [1, 2]}).to_csv(place / one.id / "numbers.csv", index=False)
    write_judgements(place / one.id, [Judgement(one.id, claim.text, claim.paper, str(claim.rule), verdict, effect=effect) for claim, verdict, effect in (
        (good, Verdict.HOLDS, 1.5), (bad, Verdict.DOES_NOT_HOLD, -2.0), (faint, Verdict.WEAK, 0.25))])


DISCUSSED = {good: "Only on weekdays.", bad: "The sky would have to be green."}
CHANGED = {faint: "Added after a run."}


@pytest.fixture
def place(tmp_path: pathlib.Path) -> pathlib.Path:
    put(tmp_path / "results", experiment())
    return tmp_path / "results"


def test_discussions(place: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = experiment(discussion=DISCUSSED, changed=CHANGED)
    publish([], [one], Results(place.parent / "none"), place)
    assert "made does not discuss a claim that failed" in (told := capsys.readouterr().err) and faint.text in told and bad.text not in told
    page, text = (place / "made" / "page.html").read_text("utf-8"), (place / "README.md").read_text("utf-8")
    for shown in (page, text):
        assert "The sky would have to be green." in shown and "Added after a run." in shown and "Only on weekdays." in shown
        assert pages.RULES_WERE_FIXED in shown and "before the run</th>" not in shown
    assert "- *Claim good | one* – **holds**: Only on weekdays." in text
    assert "- *Claim bad | one* – **does not hold**: The sky" in text and "- *Claim faint | one* – **weak**: not discussed yet." in text
    assert "| Claim bad \\| one. | −2 | does not hold |" in text


def test_words_about_no_claim() -> None:
    for name in ("discussion", "changed"):
        with pytest.raises(BrinkError, match=f"made: {name} is about what is no claim of it: 'Other'"):
            experiment(**{name: {"Other": "Words."}})
    assert experiment(discussion={bad.text: "Words."}).discussion == {bad.text: "Words."}


@pytest.mark.parametrize("name, given", [("notes", ("One sentence.")), ("also", "fig2"), ("claims", good), ("sizes", {"smoke": {"reduced": "Less."}})])
def test_one_text_in_place_of_several(name: str, given: object) -> None:
    with pytest.raises(BrinkError, match="expected a tuple or list, found one .*; a tuple of one has a comma"):
        experiment(**{name: given})


def test_pages_are_written_again(place: pathlib.Path) -> None:
    publish([], [experiment(title="A new title")], Results(place.parent / "none"), place)
    page = place / "made" / "page.html"
    assert "A new title" in page.read_text("utf-8") and "Less." in page.read_text("utf-8")
    # Other settings are those of another run: its page stays.
    publish([], [experiment(title="Newer", sizes={"small": {"reduced": ["Much less."]}})], Results(place.parent / "none"), place)
    assert "A new title" in page.read_text("utf-8") and "Newer" in (place / "README.md").read_text("utf-8")


def test_numbers_beside_the_paper(place: pathlib.Path) -> None:
    one = experiment(beside=lambda tables: pd.DataFrame({"ours | x": tables["numbers"]["x"] * 10, "paper": ["<a>", "b"]}))
    publish([], [one], Results(place.parent / "none"), place)
    assert "| ours \\| x | paper |\n| --- | --- |\n| 10 | &lt;a> |\n| 20 | b |\n" in (place / "README.md").read_text("utf-8")
    assert '<th>ours | x</th><th>paper</th>' in (page := (place / "made" / "page.html").read_text("utf-8")) and '>&lt;a&gt;</td>' in page


def test_part_of_the_readme(place: pathlib.Path, tmp_path: pathlib.Path) -> None:
    readme, absent = tmp_path / "README.md", experiment(id="absent", also=("fig99",), gallery="Not there.")
    readme.write_text(f"# Before\n{summary.BEGIN}\nearlier\n{summary.END}\nafter\n", "utf-8")
    everyone = [experiment(gallery="What <it> shows.", discussion=DISCUSSED), absent]
    publish([], everyone, Results(tmp_path / "none"), place, readme)
    text = readme.read_text("utf-8")
    assert text.startswith(f"# Before\n{summary.BEGIN}\n<table>") and text.endswith(f"{summary.END}\nafter\n") and "earlier" not in text
    assert "| [made](results/README.md#made) | Made &lt;up> | small | 1 | 1 | 1 |  |\n" in text
    assert "| absent, fig99 | Made &lt;up> | not run yet |  |  |  |  |\n" in text and "Not there." not in text
    assert 'alt="Made &lt;up&gt;"' in text and "What &lt;it&gt; shows. 1 of 3 claims hold." in text and '<a href="results/made/page.html">' in text
    publish([], everyone, Results(tmp_path / "none"), place, readme)
    assert readme.read_text("utf-8") == text
    # Without a sentence there is no picture.
    publish([], [dataclasses.replace(everyone[0], gallery="")], Results(tmp_path / "none"), place, readme)
    assert "<img" not in readme.read_text("utf-8")


@pytest.mark.parametrize("text", ["# Nothing\n", f"{summary.BEGIN}\n", f"{summary.END}\n{summary.BEGIN}\n"])
def test_a_readme_without_marks(place: pathlib.Path, tmp_path: pathlib.Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    before = sorted(place.rglob("*"))
    with pytest.raises(BrinkError, match="(?s)README.md has no place for the table of verdicts; expected the line.*Put both where"):
        publish([], [experiment()], Results(tmp_path / "none"), place, readme)
    assert readme.read_text() == text and sorted(place.rglob("*")) == before
