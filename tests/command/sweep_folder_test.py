# SPDX-License-Identifier: MIT
"""What `brink sweep` does with a folder that it finds: other runs, lost rows, other files, a file in place of the folder, interruptions.
usage: sweep_folder_test.py BUILD
"""

import csv
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases, command

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
cases = Cases()

FOUR = """[data]
train = 40
test = 40
[model]
hidden = [8]
[training]
steps = 6
[measure]
bottom = 0
[sweep]
"training.learning_rate" = [0.02, 0.05, 0.1, 0.2]
"""


def sweep(here, out, *arguments):
    return command([brink, "sweep", "four.toml", "--out", out, *arguments], cwd=here)


def rows_of(folder):
    with open(folder / "summary.csv", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "" for p in folder.rglob("*")}


def unlike(found, code, *said):
    """Complaints unless a command ended with this code and said all of this."""
    return [f"{found[1]}: {found[0]}"] if found[1] != code or any(text not in found[0] for text in said) else []


def empty_but_for_status(row):
    return [name for name, cell in row.items() if cell and name not in ["training.learning_rate", "status", "run"]]


def another_run(here):
    """A finished run with other settings in the folder of a run is no result of the sweep."""
    cases.check("four runs", unlike(sweep(here, "four"), 0, "4/4 done"))
    whole = rows_of(here / "four")
    folder = here / "four" / whole[1]["run"]
    subprocess.run([brink, "train", "--out", here / "other", "--quiet", *(a for s in ["training.steps=4", "data.train=40", "data.test=40",
                    "model.hidden=[6]"] for a in ["--set", s])], check=True)
    folder.rename(here / "right")
    shutil.copytree(here / "other", folder)
    before = contents(folder)
    hashes = [json.loads((run / "run.json").read_text())["config_hash"] for run in [here / "right", folder]]
    found = sweep(here, "four")
    said = f"four/{hashes[0]}: expected the run whose config hash is {hashes[0]}, found a run with other settings ({hashes[1]}); move the folder away"
    cases.check("another run is named", unlike(found, 1, f"learning_rate=0.05: failed: {said}", "3/4 done, 1 failed"))
    rows = rows_of(here / "four")
    cases.check("its row says that it failed", [r["status"] for r in rows] == ["finished", "failed", "finished", "finished"] or [str(rows)])
    cases.check("its row has no numbers", empty_but_for_status(rows[1]))
    cases.rejects("its row has no numbers", empty_but_for_status(whole[1]))
    cases.check("the other rows are as before", [rows[i] == whole[i] for i in [0, 2, 3]] == [True] * 3)
    report = (here / "four" / "report.html").read_text()
    cases.check("the report leaves it out", [whole[i]["run"] in report for i in range(4)] == [True, False, True, True])
    cases.check("the message is kept", [said in p.read_text() for p in (here / "four" / "failed").iterdir()] == [True])
    cases.check("the folder is as it was", contents(folder) == before)
    cases.check("a dry run shows it", unlike(sweep(here, "four", "--dry-run"), 0, f"{hashes[0]}  other run "))
    shutil.rmtree(folder)
    cases.check("moved away, the run is computed", unlike(sweep(here, "four"), 0, "4/4 done"))
    cases.check("with the same numbers", rows_of(here / "four") == whole)


def lost_rows(here):
    """A finished run without its last row is not done."""
    whole = rows_of(here / "four")
    for name, change in [("no metrics.csv", lambda path: path.unlink()),
                         ("no last row", lambda path: path.write_text("".join(path.read_text().splitlines(True)[:-1]))),
                         ("half a row", lambda path: path.write_text(path.read_text()[:-9]))]:
        out = f"lost: {name}"
        shutil.copytree(here / "four", here / out)
        run = here / out / whole[2]["run"]
        change(run / "metrics.csv")
        found = sweep(here, out, "--dry-run")
        cases.check(f"{name}: not finished", unlike(found, 0, f"{run.name}  unfinished "))
        found = sweep(here, out)
        row = rows_of(here / out)[2]
        # `brink train --resume` either computes the rows again or leaves the run as it is.
        again = found[1] == 0 and row == whole[2]
        refused = found[1] == 1 and row["status"] == "failed" and not empty_but_for_status(row) and f"{out}/{run.name}" in found[0]
        cases.check(f"{name}: computed again or named", again or refused or [f"{found[1]}: {row}: {found[0]}"])


def other_files(here):
    """A folder with other files is refused and stays as it was; that of a sweep is accepted, however early it was interrupted."""
    for name, files in [("a summary of one's own", ["summary.csv"]), ("a report", ["report.html"]), ("a hidden file", [".notes"]),
                        ("a folder", ["data/x.csv"]), ("configs of one's own", ["configs/model.toml", "report.html"]),
                        ("a sweep.json of something else", ["sweep.json"])]:
        folder = here / "foreign"
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text("{}")
        before = contents(folder)
        for more in [[], ["--dry-run"], ["--slurm"], ["--shard", "1/2"]]:
            first = min(files[0].split("/")[0], files[-1])
            cases.check(f"{name} {more}", unlike(sweep(here, "foreign", *more), 73, "brink: foreign: --out: expected a new folder, an empty one "
                        f"or that of a sweep, found other files, such as {first}; choose another --out\n"))
        cases.check(f"{name}: nothing was changed", contents(folder) == before)
        shutil.rmtree(folder)
    for name, folders, files in [("nothing", [], []), ("configs", ["configs"], []), ("both", ["configs", "failed"], []),
                                 ("a list on its way", ["configs", "failed"], ["sweep.json.tmp.1"]), ("slurm", ["slurm"], [])]:
        (here / "early").mkdir()
        for path in folders:
            (here / "early" / path).mkdir()
        for path in files:
            (here / "early" / path).write_text("{")
        cases.check(f"interrupted: {name}", unlike(sweep(here, "early"), 0, "4/4 done"))
        shutil.rmtree(here / "early")
    # A sweep's folder with a note of the user's in it, and one that has lost its list, go on.
    (here / "four" / "notes.txt").write_text("mine")
    cases.check("notes beside a sweep", unlike(sweep(here, "four"), 0, "4/4 done"))
    (here / "four" / "sweep.json").unlink()
    cases.check("a list that was removed", unlike(sweep(here, "four"), 0, "4/4 done"))
    shards = [subprocess.Popen([brink, "sweep", "four.toml", "--out", "shards", "--shard", f"{i}/4", "--jobs", "1"], cwd=here,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for i in [1, 2, 3, 4]]
    ends = [(p.communicate(timeout=300)[0], p.returncode) for p in shards]
    cases.check("four shards at once", [line for end in ends for line in unlike(end, 0, "1/1 done")])
    cases.check("four shards, same summary", rows_of(here / "shards") == rows_of(here / "four"))


def a_file(here):
    (here / "file").write_text("mine")
    for out, what in [("file", "file"), ("file/", "file"), ("file/below", "file"), ("./file/a/b", "./file")]:
        for more in [[], ["--dry-run"], ["--slurm"]]:
            found = sweep(here, out, *more)
            cases.check(f"{out} {more}", unlike(found, 2, f"brink: {what} is a file; expected a folder") + found[0].splitlines()[1:])
    cases.check("the file is as it was", (here / "file").read_text() == "mine")
    cases.check("a name too long", unlike(sweep(here, "x" * 300), 2, "File name too long"))


with tempfile.TemporaryDirectory() as temporary:
    place = pathlib.Path(temporary)
    (place / "four.toml").write_text(FOUR)
    for part in [another_run, lost_rows, other_files, a_file]:
        part(place)
cases.close()
