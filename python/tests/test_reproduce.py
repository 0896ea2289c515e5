# SPDX-License-Identifier: MIT
"""The program behind tools/reproduce: names, wrong input, plans, shards, job arrays, and published results."""

import errno
import html
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

from brink import Brink, NotYetRun, lab, plan
from brink.errors import DamagedResult
from brink.experiment import load, load_folder
from brink.publishing import publish
from brink.reproduce import DATA, FAILED, INTERRUPTED, OK, PAPER, TOO_LARGE, USAGE, main
from brink.results import Results

FILE = pathlib.Path(__file__).with_name("small_experiment.py")
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def needs_command(brink: Brink) -> None:
    """Every test here runs the command."""


def reproduce(*words: object) -> int:
    return main([str(one) for one in words])


@pytest.fixture(scope="module")
def out(brink: Brink, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    out = tmp_path_factory.mktemp("out")
    assert reproduce(FILE, "--out", out, "--quiet") == OK
    return out


def test_unknown_names(capsys: Captured) -> None:
    assert reproduce("figg14") == USAGE
    assert re.search(r"no experiment is called 'figg14'; did you mean fig14\?\nexperiments: fig1 ", capsys.readouterr().err)
    assert reproduce("Fig14x") == USAGE and "did you mean fig14?" in capsys.readouterr().err
    assert reproduce() == USAGE and "expected an id" in capsys.readouterr().err
    assert reproduce("nothing.py") == USAGE and "no such file" in capsys.readouterr().err
    for option in ("--jobs", "--tasks"):
        for count in ("0", "-3", "two", "1.5"):
            with pytest.raises(SystemExit) as ended:
                reproduce("fig1", f"{option}={count}")
            assert ended.value.code == USAGE
            assert capsys.readouterr().err.startswith(f"reproduce: {option}: expected a whole number of at least 1, found {count!r};")
    with pytest.raises(SystemExit):
        reproduce("fig1", "--judge", "--plan")
    assert "--plan: not allowed with argument --judge" in capsys.readouterr().err
    assert reproduce("fig1", "--shard", "3/2") == USAGE and "such as 2/8" in capsys.readouterr().err
    for option, told in (("--size", "smoke, small, paper"), ("--device", "cpu, cuda")):
        with pytest.raises(SystemExit) as ended:
            reproduce("fig1", option, "huge")
        assert ended.value.code == USAGE
        assert capsys.readouterr().err == f"reproduce: {option}: expected one of {told}, found 'huge'; `tools/reproduce --help` shows all options\n"
    with pytest.raises(SystemExit):
        reproduce("fig1", "--sise", "small")
    assert capsys.readouterr().err.count("\n") == 1
    assert reproduce() == USAGE and capsys.readouterr().err.count("\n") == 1
    assert reproduce(FILE, "--size", "small") == USAGE and "tiny has no size small; it has smoke, paper" in capsys.readouterr().err


@pytest.mark.parametrize(("wrong", "told"), [
    ("x = (1\ny = 2\n", r":\d+: '\(' was never closed\n  x = \(1\n      \^\n"),
    ("import math\nx = math.nothing(3)\n", r":2: AttributeError: module 'math' has no attribute 'nothing'.*\n  x = math.nothing\(3\)\n      \^{12}\n"),
    ("import no_such_module\n", r":1: ModuleNotFoundError: No module named 'no_such_module'\n  import no_such_module\n"),
    ("from brink.claims import Claim\nif True:\n    c = Claim('a', 'b', 1)\n", r":3: BrinkError: the claim 'a': expected a rule .*\n  c = Claim\('a', 'b', 1\)\n      \^{18}\n"),
    ("raise SystemExit(7)\n", r":1: SystemExit: 7\n"),
    ("x = 1\n", r": the file defines no variable `experiment`; expected")])
def test_errors_while_a_file_is_loaded(wrong: str, told: str, capsys: Captured, tmp_path: pathlib.Path) -> None:
    (file := tmp_path / "mine.py").write_text(wrong)
    assert reproduce(file, "--out", tmp_path / "out") == USAGE
    assert re.match(f"reproduce: {re.escape(str(file))}{told}", err := capsys.readouterr().err), err
    assert "Traceback" not in err


@pytest.mark.parametrize(("right", "wrong", "told"), [
    ("lab.train_all(", "lab.train_al(", r"in work: AttributeError: 'Lab' object has no attribute 'train_al'.*"),
    ('"loss", "step"', '"loss", "steps"', r"in collect: KeyError: .*'steps'.*; the columns are step, .*loss.*"),
    ('groupby("run")["loss"]', 'groupby("run")["lost"]', r"in judge: KeyError: .*lost.*; the columns are loss, step, run"),
    ('tables["losses"].groupby("run")["loss"]', 'tables["loses"]', r"in judge: KeyError: 'loses'; the tables are losses"),
    ("axes[0, 0].plot(rows", "axes[0, 7].plot(rows", r"in draw: IndexError: index 7 is out of bounds .*")])
def test_errors_in_the_functions_of_a_file(right: str, wrong: str, told: str, capsys: Captured, tmp_path: pathlib.Path) -> None:
    """One line says where; the traceback is in a file."""
    text = FILE.read_text("utf-8").replace('[["step", "loss"]]', '[["loss", "step"]]')
    assert right in text
    (file := tmp_path / "mine.py").write_text(text.replace(right, wrong, 1), "utf-8")
    assert reproduce(file, "--out", tmp_path / "out", "--quiet") == FAILED
    traceback = tmp_path / "out" / "runs" / "tracebacks" / "tiny.txt"
    err = capsys.readouterr().err
    assert re.fullmatch(rf"reproduce: tiny: {re.escape(str(file))}:\d+, {told}\n  the traceback is in {re.escape(str(traceback))}\n", err), err
    assert "Traceback (most recent call last)" in traceback.read_text()


def test_settings_of_a_size(capsys: Captured, tmp_path: pathlib.Path) -> None:
    assert reproduce(FILE, "--out", tmp_path, "--set", "step=3") == USAGE
    assert "size smoke of tiny has no setting 'step'; it has rates, steps" in capsys.readouterr().err
    assert reproduce(FILE, "--out", tmp_path, "--set", "steps=three") == USAGE
    assert "expected a TOML value" in capsys.readouterr().err
    assert reproduce(FILE, "--out", tmp_path, "--set", "steps") == USAGE
    assert "expected KEY=VALUE; size smoke of tiny has the settings rates, steps" in capsys.readouterr().err
    for wrong, told in (("steps=[3]", "expected a number, as steps = 20 of the file, found [3]"), ('rates="x"', "a list of at least one value, as rates = [0.05, 0.1]"),
                        ("rates=[]", "at least one value"), ("rates=0.1", "found 0.1"), ("steps=true", "expected a number")):
        assert reproduce(FILE, "--out", tmp_path, "--set", wrong) == USAGE
        assert told in capsys.readouterr().err
    assert reproduce("fig19", "--out", tmp_path, "--set", "paths=0") == USAGE and "it has none" in capsys.readouterr().err
    assert reproduce(FILE, "--out", tmp_path, "--set", "steps=12", "--quiet") == OK
    assert (tmp_path / "tiny" / "losses.csv").read_text().splitlines()[13].startswith("12,")


def test_finished_work_is_not_repeated(out: pathlib.Path, capsys: Captured) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != "index.html"}
    assert reproduce(FILE, "--out", out) == OK
    assert re.fullmatch(r"tiny: finished before; .*\n.*index.html\n", capsys.readouterr().out)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    # Without its result it is collected anew from the runs that are there.
    shutil.rmtree(out / "tiny")
    assert reproduce(FILE, "--out", out) == OK
    told = capsys.readouterr()
    assert "training" not in told.err and "holds" in told.out
    runs = {path for path in before if path.is_relative_to(out / "runs") and "finished" not in path.parts}
    assert {path: path.stat().st_mtime_ns for path in runs} == {path: before[path] for path in runs}


def test_judged_again(out: pathlib.Path, capsys: Captured) -> None:
    before = (out / "tiny" / "claims.csv").read_bytes()
    assert reproduce(FILE, "--out", out, "--judge") == OK
    assert (out / "tiny" / "claims.csv").read_bytes() == before
    assert "not testable at this size 1" in capsys.readouterr().out
    # With other settings it would be another result.
    assert reproduce(FILE, "--out", out, "--judge", "--set", "steps=21") == FAILED
    ended = capsys.readouterr()
    assert "was made with other settings of size smoke" in ended.err and "index.html" not in ended.out and (out / "tiny" / "claims.csv").read_bytes() == before


DAMAGES = [  # file, content (None: it is gone), what judging says, what publishing says
    ("runs.csv", b"", FAILED, "runs.csv changed or missing"), ("runs.csv", b'a,b\n1,2,3\n"x', FAILED, "runs.csv changed or missing"),
    ("losses.csv", None, FAILED, "losses.csv changed or missing"), ("losses.csv", b"run,step,loss\n", FAILED, "losses.csv changed or missing"),
    ("claims.csv", b"\x00\xff\xfe", OK, "what was there is replaced, and its rules cannot be compared: .*claims.csv: expected a table as CSV"),
    ("claims.csv", b"id,claim\n1,2\n", OK, "claims.csv: expected the columns id, claim, .*, found id, claim"),
    ("claims.csv", b"", OK, "claims.csv: expected the columns .*, found none"),
    ("result.json", b"{", FAILED, "result.json: expected the id, size and settings of a result; remove the folder"),
    ("result.json", b"{}", FAILED, "result.json: expected the id, size and settings of a result; remove the folder")]


@pytest.mark.parametrize(("name", "content", "status", "told"), DAMAGES)
def test_a_damaged_result(out: pathlib.Path, capsys: Captured, tmp_path: pathlib.Path, name: str, content: bytes | None, status: int, told: str) -> None:
    """It is never judged as if it were whole, does not end another call, and is made again from its runs."""
    there = tmp_path / "there"
    shutil.copytree(out, there)
    (there / "tiny" / name).unlink()
    if content is not None:
        (there / "tiny" / name).write_bytes(content)
    damaged = tmp_path / "damaged"
    shutil.copytree(there, damaged)
    assert reproduce(FILE, "--out", there, "--judge") == status
    err = capsys.readouterr().err
    assert re.search(rf"tiny: .*{told}", err) and "Traceback" not in err, err
    assert reproduce(FILE, "--out", damaged, "--quiet") == OK
    before = {path.name: path.read_bytes() for path in (out / "tiny").iterdir()}
    assert {path.name: path.read_bytes() for path in (damaged / "tiny").iterdir()} == before


def test_damage_elsewhere(out: pathlib.Path, capsys: Captured, tmp_path: pathlib.Path) -> None:
    """The index leaves a damaged result out; a damaged mark is none; a damaged published folder is named."""
    there, results = tmp_path / "there", Results(tmp_path / "there")
    shutil.copytree(out, there)
    (there / "tiny" / "claims.csv").write_bytes(b"junk\n")
    assert results.index([load(FILE)]) is None and "tiny is left out of the index: " in capsys.readouterr().err
    (there / "runs" / "finished" / "tiny.json").write_text("x")
    assert not results.is_finished(load(FILE), "smoke")
    assert reproduce(FILE, "--out", there, "--quiet") == OK and reproduce(FILE, "--out", there, "--publish", tmp_path / "pub") == OK
    capsys.readouterr()
    for name, told in (("claims.csv", "expected the columns"), ("result.json", "expected the id")):
        whole = (place := tmp_path / "pub" / "tiny" / name).read_bytes()
        place.write_text("junk\n")
        with pytest.raises(DamagedResult, match=rf"^{re.escape(str(place))}: {told}"):
            publish([], [load(FILE)], results, tmp_path / "pub")
        place.write_bytes(whole)


def test_a_place_that_cannot_be_published_to(out: pathlib.Path, capsys: Captured, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    for place, why in ((tmp_path / "file", "it is a file"), (tmp_path / "file" / "x", "a file is in its path"), ("/proc/x", "no folder can be made there")):
        assert reproduce(FILE, "--out", out, "--publish", place) == USAGE
        assert capsys.readouterr().err == f"reproduce: --publish: {place} cannot be written: {why}; name another folder\n"


def test_the_command_of_a_page_works(capsys: Captured, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the file, not the id, and repeats --set: what it makes is the result that is there."""
    if given := os.environ.get("BRINK"):
        monkeypatch.setenv("BRINK", os.path.abspath(given))
    monkeypatch.chdir(tmp_path)
    shutil.copy(FILE, "my own.py")
    assert reproduce("my own.py", "--out", "out", "--quiet", "--set", "steps=12", "--set", "rates=[0.05]", "--set", "seeds=2") == OK
    page = pathlib.Path("out", "tiny", "page.html").read_text("utf-8")
    found = re.search(r"<pre>tools/reproduce (.*)</pre>", page)
    assert found and html.unescape(found[1]) == "'my own.py' --size smoke --set 'rates=[0.05]' --set steps=12"
    capsys.readouterr()
    assert reproduce(*shlex.split(html.unescape(found[1])), "--out", "out") == OK and "finished before" in capsys.readouterr().out
    # A message that proposes a command does so, too.
    assert reproduce("my own.py", "--out", "out", "--judge") == FAILED and "`tools/reproduce 'my own.py' --size smoke --out out`" in capsys.readouterr().err
    one = load_folder(PAPER)["fig1"]
    assert one.command("small") == "tools/reproduce fig1 --size small"


def test_missing_data(capsys: Captured, tmp_path: pathlib.Path) -> None:
    assert reproduce("fig1", "--size", "small", "--out", tmp_path / "out", "--data", tmp_path / "none") == DATA
    told = capsys.readouterr().err
    assert "train-images-idx3-ubyte" in told and f"data fetch fmnist4 --directory {tmp_path / 'none' / 'fashion-mnist'}" in told
    # A file that is there and is not that of the data set.
    place = tmp_path / "broken" / "fashion-mnist"
    place.mkdir(parents=True)
    for file in lab.FMNIST[1]:
        (place / file).touch()
    assert reproduce("fig1", "--size", "small", "--out", tmp_path / "out", "--data", tmp_path / "broken", "--set", "seeds=[0]", "--quiet") == DATA
    assert re.match(r"reproduce: fig1: /.*train-images-idx3-ubyte: expected an IDX header.*\n  from `brink train ", capsys.readouterr().err)


def test_an_output_that_cannot_be_written(capsys: Captured, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place, why in ((tmp_path / "file", "it is a file"), (tmp_path / "file" / "x", "a file is in its path"), ("/proc/x", "no folder can be made there")):
        assert reproduce(FILE, "--out", place) == USAGE
        assert capsys.readouterr().err == f"reproduce: --out: {place} cannot be written: {why}; name another folder\n"
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(Results, "make", lambda *given: (_ for _ in ()).throw(full))
    assert reproduce(FILE, "--out", tmp_path / "out", "--quiet") == TOO_LARGE
    ended = capsys.readouterr()
    assert "index.html" not in ended.out  # the path of the index is that of a call that has made what was asked for
    assert "no space is left" in (told := ended.err) and "the same call goes on" in told and "Traceback" not in told


def test_plan(capsys: Captured, tmp_path: pathlib.Path) -> None:
    assert reproduce(FILE, "--out", tmp_path, "--plan", "--jobs", 2) == OK
    told = capsys.readouterr().out
    assert "2 runs, 40 steps" in told and "at most 2 forks of 15 steps" in told
    assert re.search(r"time: about .* with 2 jobs", told) and re.search(r"memory: .*MiB for 2 at a time; .* are free", told) and "disk: about" in told
    assert not (tmp_path / "tiny").exists() and not list(tmp_path.rglob("config.toml"))
    assert reproduce(FILE, "--out", tmp_path, "--quiet") == OK
    capsys.readouterr()
    assert reproduce(FILE, "--out", tmp_path, "--plan") == OK
    told = capsys.readouterr().out
    assert "4 runs are there already" in told and "nothing is left to run" in told


def test_time_of_computations(capsys: Captured, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of `brink walk` are timed by shorter ones. Here each takes half a second, so that no clock decides."""
    assert plan.short_computation(["walk", "--paths", "1000000", "--start", "1"]) == (["walk", "--paths", "50000", "--start", "1"], 20)
    assert plan.short_computation(["walk", "--branches", "20"]) == (["walk", "--branches", "16"], 16)
    assert plan.short_computation(["walk", "--paths", "10"]) == (["walk", "--paths", "10"], 1)
    assert plan.short_computation(["verify", "--paths", "10"]) is None
    asked: list[list[str]] = []
    monkeypatch.setattr(plan, "seconds_of_call", lambda brink, arguments, scratch: (asked.append(list(arguments)), 0.5)[1])
    assert reproduce("fig19", "--out", tmp_path, "--plan", "--jobs", 1) == OK
    told = capsys.readouterr().out
    assert len(asked) == 7 and "7 computations\n" in told and "time: about 68 seconds" in told and "not part of the sum" not in told
    # What is asked for the contents of a computation knows that it has not been made.
    folder = plan.PlanningLab(Brink(), tmp_path).call("walk", "walk", "--paths", 3)
    with pytest.raises(NotYetRun, match="walk.csv has not been computed"):
        (folder / "walk.csv").read_text()


def test_too_large(brink: Brink, capsys: Captured, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "available_memory", lambda: 2**10)
    assert reproduce(FILE, "--size", "paper", "--out", tmp_path, "--quiet") == TOO_LARGE
    assert re.search(r"tiny: size paper: the run rate 0.05 needs .* of memory, 768 bytes can be used, three .* use a smaller --size", capsys.readouterr().err)
    assert not list(tmp_path.rglob("config.toml"))
    monkeypatch.setattr(plan, "available_memory", lambda: 2**50)
    monkeypatch.setattr(plan, "free_disk", lambda path: 100)
    assert reproduce(FILE, "--size", "paper", "--out", tmp_path, "--plan") == TOO_LARGE
    assert "of disk, 100 bytes are free" in capsys.readouterr().err
    # Together they are too large, each alone is not.
    need = brink.needs_bytes({"model": {"name": "dln"}, "training": {"loss": "mse", "learning_rate": 0.05, "steps": 20}}, tmp_path)
    monkeypatch.setattr(plan, "available_memory", lambda: 2 * need)
    assert reproduce(FILE, "--out", tmp_path, "--plan", "--jobs", 2) == TOO_LARGE
    assert "2 runs at a time need" in (told := capsys.readouterr().err) and "use --jobs 1" in told


def test_shards_share_the_runs(out: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert reproduce(FILE, "--out", tmp_path, "--shard", "2/2", "--jobs", 1, "--quiet") == OK
    for name in ("losses.csv", "claims.csv", "figure.svg", "runs.csv"):
        assert (tmp_path / "tiny" / name).read_bytes() == (out / "tiny" / name).read_bytes()


def test_job_array(capsys: Captured, tmp_path: pathlib.Path) -> None:
    assert reproduce("fig1", "--size", "paper", "--out", tmp_path, "--slurm", "--tasks", 3, "--set", "steps=7") == OK
    script = (tmp_path / "reproduce.sbatch").read_text()
    assert "#SBATCH --array=1-3" in script and '--shard "$SLURM_ARRAY_TASK_ID/3"' in script and "--set steps=7" in script
    assert "sbatch" in capsys.readouterr().out


def test_published(out: pathlib.Path, capsys: Captured, tmp_path: pathlib.Path) -> None:
    assert reproduce(FILE, "--out", out, "--publish", tmp_path / "results") == OK
    place = tmp_path / "results"
    assert sorted(path.name for path in (place / "tiny").iterdir()) == ["claims.csv", "figure-other.svg", "figure.svg", "losses.csv", "page.html",
                                                                         "result.json", "runs.csv", "thumbnail.png"]
    table = (place / "README.md").read_text()
    assert "| The loss falls. |" in table and "## tiny\n\n**Two parameters.**" in table
    # What was published before stays in the index when others are added.
    (place / "README.md").unlink()
    publish([], [load(FILE)], Results(out), place)
    assert "**Two parameters.**" in (place / "README.md").read_text()
    assert (place / "index.html").is_file()
    # A larger size is not replaced by a smaller one.
    told_of = place / "tiny" / "result.json"
    whole = told_of.read_text()
    told_of.write_text(whole.replace('"smoke"', '"paper"'))
    assert reproduce(FILE, "--out", out, "--publish", place) == OK and '"paper"' in told_of.read_text()
    assert "is of size smoke, and that in" in (told := capsys.readouterr().err) and "it is not replaced" in told
    told_of.write_text(whole)
    assert reproduce(FILE, "--out", tmp_path / "nothing", "--publish", tmp_path / "empty") == FAILED and not (tmp_path / "empty").exists()
    assert "tools/reproduce python/tests/small_experiment.py --size SIZE --out " in (told := capsys.readouterr().err) and "nothing was published" in told


def test_every_experiment_of_the_tree() -> None:
    """Each has the three sizes, says what the paper says, and names data sets that exist."""
    known = load_folder(PAPER)
    for one in known.values():
        assert set(one.sizes) == {"smoke", "small", "paper"}, one.id
        assert len(one.paper) > 40 and one.title and one.section and len(one.caption) > 40, one.id
        published = {path.stem.removeprefix("figure-") for path in (PAPER.parents[1] / "docs" / "results" / one.id).glob("figure-*.svg")}
        assert published <= set(one.captions), f"{one.id}: further figures without a caption"
    assert set(lab.DATA_SETS) == {"fmnist4", "cifar10-5k", "cifar10-50k", "cifar10-500k"}


def documented() -> str:
    """The listing of docs/reproduce.md."""
    listings = re.findall(r"^```python\n(.*?)^```", (PAPER.parents[1] / "docs" / "reproduce.md").read_text("utf-8"), re.M | re.S)
    assert len(listings) == 1
    return str(listings[0])


@pytest.mark.parametrize("name", ["tanh_sweep", "mine"])
def test_the_documented_experiments(name: str, capsys: Captured, tmp_path: pathlib.Path) -> None:
    """The file that docs/reproduce.md tells one to copy, and its listing: shorter than 60 lines, and they work the first time."""
    text = (PAPER.parents[1] / "docs" / "examples" / "tanh_sweep.py").read_text("utf-8") if name == "tanh_sweep" else documented()
    assert len(text.splitlines()) < 60
    mine = tmp_path / "mine.py"
    mine.write_text(text, "utf-8")
    assert reproduce(mine, "--out", tmp_path / "out", "--set", "seeds=[0, 1]", "--set", "steps=20", "--quiet") == OK
    assert f"{name}:" in capsys.readouterr().out
    assert (tmp_path / "out" / name / "figure.svg").is_file() and name in (tmp_path / "out" / "index.html").read_text("utf-8")


def test_what_lies_beside_a_file(tmp_path: pathlib.Path) -> None:
    """A script in another encoding, or a folder with such a name, does not matter."""
    shutil.copy(FILE, tmp_path / "mine.py")
    (tmp_path / "old.py").write_bytes(b"# caf\xe9\n")
    (tmp_path / "folder.py").mkdir()
    assert list(load_folder(tmp_path)) == ["tiny"]
    assert reproduce(tmp_path / "mine.py", "--out", tmp_path / "out", "--quiet") == OK


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    """A signal to the program alone stops its runs so that they can be resumed."""
    words = [sys.executable, "-m", "brink.reproduce", str(FILE), "--out", str(tmp_path), "--set", "steps=10000000"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(PAPER.parents[1] / "python")},
                               start_new_session=True)
    until = time.monotonic() + 120

    def runs_with_rows() -> int:
        """A run that is stopped before its first row has nothing to keep."""
        return sum(path.read_bytes().count(b"\n") > 2 for path in (tmp_path / "runs").glob("*/metrics.csv"))
    while runs_with_rows() < 2 and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(number)
    told = process.communicate(timeout=120)[1]
    assert process.returncode == INTERRUPTED, told
    assert "interrupted in tiny; the same call resumes the work" in told
    for run in (tmp_path / "runs").glob("*/metrics.csv"):
        assert list((run.parent / "checkpoints").glob("*.safetensors")), "a run was not stopped in an orderly way"
