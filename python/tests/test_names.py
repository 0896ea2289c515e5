# SPDX-License-Identifier: MIT
"""brink.names: what a name that no experiment has was probably meant to be."""

import pathlib

import pytest

from brink.experiment import load_folder
from brink.names import UnknownExperiment, find
from brink.reproduce import PAPER

KNOWN = load_folder(PAPER)


def suggested(*names: str) -> str:
    """What the message about wrong names suggests."""
    with pytest.raises(UnknownExperiment) as error:
        find(names, KNOWN)
    line = str(error.value).splitlines()[0]
    return line.partition("; did you mean ")[2].rstrip("?")


@pytest.mark.parametrize("name, meant", [
    ("Fig 5", "fig5"), ("Fig. 5", "fig5"), ("figure5", "fig5"), ("FIG5", "fig5"), ("fig_05", "fig5"), ("f5", "fig5"), ("5", "fig5"), ("paper/fig5", "fig5"),
    ("fig5.py", "fig5"), ("2", "fig2 or table2"), ("table-2", "table2"), ("Table II", "table2"), ("tab1", "table1"), ("appc", "appC"), ("Appendix A", "appA"),
    ("APP. C", "appC"), ("RMT", "rmt"), ("All", "all"),  # the way of writing
    ("fig55", "fig5"), ("figg14", "fig14"), ("fig22", "fig2"), ("fig21", "fig20"), ("table3", "table2"), ("fig0", "fig1"),  # a key twice, one too far
    ("fgi5", "fig5"), ("fig5a", "fig5"), ("tabel1", "table1"), ("rtm", "rmt"), ("al", "all"),  # letters
])
def test_nearest_name(name: str, meant: str) -> None:
    assert suggested(name) == meant


def test_two_words_of_a_shell() -> None:
    assert suggested("Fig", "5") == "fig5" and suggested("app", "c") == "appC"
    # The control: the second word is a name of its own.
    assert suggested("Fig", "fig1") != "fig1"


def test_nothing_is_near() -> None:
    assert suggested("xyz") == "" and suggested("hessian") == ""
    with pytest.raises(UnknownExperiment, match="'xyz'\nexperiments: fig1 fig2 fig12 .* all, or a file that ends in .py"):
        find(["xyz"], KNOWN)


def test_a_file_of_that_name(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").touch()
    monkeypatch.chdir(tmp_path)
    assert suggested("mine") == "mine.py"
    with pytest.raises(UnknownExperiment, match="yours.py: there is no such file"):
        find(["yours.py"], KNOWN)


def test_right_names() -> None:
    assert [one.id for one in find(["fig12", "table2", "fig2"], KNOWN)] == ["fig2", "fig17"]
    assert len(find(["all"], KNOWN)) == len(KNOWN)
