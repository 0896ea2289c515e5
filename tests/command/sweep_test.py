# SPDX-License-Identifier: MIT
"""`brink sweep` through real processes: killed, told to end, shared by shards and by two processes, failing runs, a search, forks.
usage: sweep_test.py BUILD
"""

import csv
import hashlib
import io
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
cases = Cases()
random.seed(12)

TINY = """[data]
train = 40
test = 40
[model]
hidden = [8]
[training]
steps = 6
[measure]
bottom = 0
"""
SIXTY = TINY + """[sweep]
"training.learning_rate" = [0.02, 0.05, 0.1, 0.2]
"training.seed" = {seeds = 15}
"""
# A second or two each.
SLOW = """[data]
train = 400
test = 40
[training]
steps = 150
[measure]
bottom = 0
[sweep]
"training.learning_rate" = [0.01, 0.02, 0.03, 0.04]
"""


def start(*arguments, folder):
    return subprocess.Popen([brink, "sweep", *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL)


def sweep(*arguments, folder):
    process = start(*arguments, folder=folder)
    return process.communicate(timeout=300)[0], process.returncode


def children_of(process):
    try:
        return [int(p) for p in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


def is_gone(process):
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def run_folders(folder):
    return sorted(p.parent for p in pathlib.Path(folder).glob("*/config.toml"))


def steps_of(run):
    with open(run / "metrics.csv", newline="") as file:
        return [int(row["step"]) for row in csv.DictReader(file)]


def not_whole(folder, steps, runs):
    """Complaints unless there are `runs` runs, each with the rows 0 … steps exactly once."""
    found = run_folders(folder)
    complaints = [] if len(found) == runs else [f"{runs} runs expected, {len(found)} found"]
    for run in found:
        if steps_of(run) != list(range(steps + 1)):
            complaints.append(f"{run.name}: steps {steps_of(run)[:20]}")
        if json.loads((run / "run.json").read_text())["status"] != "finished":
            complaints.append(f"{run.name}: not finished")
    return complaints


def rows_of(summary):
    return list(csv.DictReader(io.StringIO(pathlib.Path(summary).read_text())))


def differing(a, b):
    a, b = pathlib.Path(a).read_bytes(), pathlib.Path(b).read_bytes()
    return [] if a == b else [f"{x} | {y}" for x, y in zip(a.decode().splitlines(), b.decode().splitlines()) if x != y] or ["length"]


def stamp(folder):
    return {run.name: hashlib.sha256((run / "run.json").read_bytes()).hexdigest() for run in run_folders(folder)}


def refused(here):
    """Errors end the command before anything is made."""
    for name, text, said in [
            ("a wrong key", '[sweep]\n"training.lerning_rate" = [1]\n',
             "brink: wrong.toml:2:1: unknown key training.lerning_rate; the nearest is training.learning_rate"),
            ("a wrong value in the last run", '[sweep]\n"training.steps" = [1, 2, -3]\n',
             "brink: wrong.toml:2:27: training.steps: expected an integer from 0 to 1000000000, got the integer -3"),
            ("lists of different lengths", '[[sweep.zip]]\n"training.steps" = [1, 2]\n"measure.top" = [1]\n',
             "brink: wrong.toml:3:17: measure.top: expected 2 values, as many as training.steps has, got 1"),
            ("no [sweep]", "[training]\nsteps = 1\n", "brink: wrong.toml: expected a table [sweep] with the keys that vary, found none")]:
        (here / "wrong.toml").write_text(text)
        for more in [[], ["--dry-run"], ["--slurm"]]:
            out, code = sweep("wrong.toml", "--out", "wrong", *more, folder=here)
            cases.check(f"{name} {more}", [] if code == 2 and out.strip() == said else [f"{code}: {out}"])
    (here / "right.toml").write_text(SIXTY)
    for arguments, said in [(["--shard", "0/3"], "--shard 0/3: expected i/n"), (["--shard", "4/3"], "--shard 4/3"),
                            (["--shard", "two"], "--shard two"), (["--set", "training.seed=3"], "is swept by right.toml"),
                            (["--slurm", "--shard", "1/2"], "expected --slurm or --shard"), (["--jobs", "0"], "--jobs")]:
        out, code = sweep("right.toml", "--out", "wrong", *arguments, folder=here)
        cases.check(f"refused: {arguments}", [] if code == 2 and said in out else [f"{code}: {out}"])
    out, code = sweep("right.toml", "--out", "wrong", "--dry-run", "--shard", "2/3", folder=here)
    cases.check("a dry run lists its share", code == 0 and out.count("not run") == 20 and "learning_rate=0.02, seed=1\n" in out)
    cases.check("nothing was made", not (here / "wrong").exists())


def killed(here):
    """Sixty runs, killed twice at random moments, are those of an undisturbed sweep and of single runs."""
    (here / "sixty.toml").write_text(SIXTY)
    out, code = sweep("sixty.toml", "--out", "whole", "--jobs", "2", folder=here)
    cases.check("sixty runs", not_whole(here / "whole", 6, 60) + ([] if code == 0 and "60/60 done" in out else [f"{code}: {out[-500:]}"]))
    for children_too in [True, False]:
        process = start("sixty.toml", "--out", "killed", "--jobs", "2", folder=here)
        wait_until(lambda: len(run_folders(here / "killed")) >= (8 if children_too else 25))
        time.sleep(random.uniform(0, 0.2))
        children = children_of(process.pid)
        process.kill()
        if children_too:
            for child in children:
                os.kill(child, signal.SIGKILL)
        process.communicate()
        cases.check("a killed sweep's runs end", wait_until(lambda: all(is_gone(c) for c in children)))
    left = sum(1 for run in run_folders(here / "killed") if (run / "report.html").exists())
    cases.check("it was killed on its way", 0 < left < 60 or [f"{left} runs were over"])
    out, code = sweep("sixty.toml", "--out", "killed", "--jobs", "2", folder=here)
    cases.check("killed twice", not_whole(here / "killed", 6, 60) + ([] if code == 0 else [f"{code}: {out[-500:]}"]))
    cases.check("what was over is said", "found: " in out or [out[:500]])
    cases.check("killed twice, same summary", differing(here / "whole" / "summary.csv", here / "killed" / "summary.csv"))
    for row in random.sample(rows_of(here / "killed" / "summary.csv"), 5):
        single = here / f"single-{row['run']}"
        subprocess.run([brink, "train", "sixty.single.toml", "--out", single, "--quiet", "--threads", "2", "--set",
                        f"training.learning_rate={row['training.learning_rate']}", "--set", f"training.seed={row['training.seed']}"],
                       cwd=here, check=True)
        run = here / "killed" / row["run"]
        same = (single / "metrics.csv").read_bytes() == (run / "metrics.csv").read_bytes()
        same = same and json.loads((single / "run.json").read_text())["final_digest"] == row["digest"]
        cases.check("a run is a single run", same)
    # Controls: a doubled row, and a run with other numbers, are seen.
    run = run_folders(here / "killed")[7]
    rows = (run / "metrics.csv").read_text()
    (run / "metrics.csv").write_text(rows + rows.splitlines()[-1] + "\n")
    cases.rejects("rows once", not_whole(here / "killed", 6, 60))
    (run / "metrics.csv").write_text(rows.replace("\n0,", "\n0,9", 1))
    (run / "run.json").write_text((run / "run.json").read_text().replace('"final_digest": "', '"final_digest": "f'))
    sweep("sixty.toml", "--out", "killed", folder=here)
    cases.rejects("same summary", differing(here / "whole" / "summary.csv", here / "killed" / "summary.csv"))


def shared(here):
    """Shards, and two processes at once, leave what one process leaves."""
    for i in [1, 2, 3]:
        out, code = sweep("sixty.toml", "--out", "shards", "--shard", f"{i}/3", "--jobs", "2", folder=here)
        cases.check(f"shard {i}/3", [] if code == 0 and "20/20 done" in out else [f"{code}: {out[-500:]}"])
        cases.check(f"shard {i}/3 runs its share", not_whole(here / "shards", 6, 20 * i))
        if i == 1:
            cases.rejects("same summary, one shard", differing(here / "whole" / "summary.csv", here / "shards" / "summary.csv"))
    before = stamp(here / "shards")
    out, code = sweep("sixty.toml", "--out", "shards", folder=here)
    cases.check("nothing is left to run", [] if code == 0 and stamp(here / "shards") == before else [f"{code}: {out[-500:]}"])
    cases.check("shards, same summary", differing(here / "whole" / "summary.csv", here / "shards" / "summary.csv"))
    cases.check("no time and no place in the summary", "202" not in (here / "shards" / "summary.csv").read_text().split("\n")[0]
                and str(here) not in (here / "shards" / "summary.csv").read_text())
    both = [start("sixty.toml", "--out", "both", "--jobs", "1", folder=here) for _ in range(2)]
    ends = [(p.communicate(timeout=300)[0], p.returncode) for p in both]
    cases.check("two at once", not_whole(here / "both", 6, 60) + [f"{code}: {out[-500:]}" for out, code in ends if code != 0])
    cases.check("two at once, same summary", differing(here / "whole" / "summary.csv", here / "both" / "summary.csv"))
    here_and_there = [out.count(": finished; ") for out, _ in ends]
    cases.check("each run once", sum(here_and_there) == 60 or [str(here_and_there)])


def told_to_end(here):
    """SIGTERM and Ctrl-C: 75, no run goes on, and the next sweep finishes what is left."""
    (here / "slow.toml").write_text(SLOW)
    for name in ["SIGTERM", "SIGINT"]:
        process = start("slow.toml", "--out", f"told-{name}", "--jobs", "2", folder=here)
        wait_until(lambda: len(children_of(process.pid)) == 2 and len(list((here / f"told-{name}").glob("*/metrics.csv"))) == 2)
        children = children_of(process.pid)
        process.send_signal(getattr(signal, name))
        out, _ = process.communicate(timeout=30)
        cases.check(f"{name}: 75", [] if process.returncode == 75 and "told to end" in out else [f"{process.returncode}: {out}"])
        cases.check(f"{name}: no run goes on", all(is_gone(c) for c in children))
    rows = rows_of(here / "told-SIGTERM" / "summary.csv")
    cases.check("the summary says what is left", [r["status"] for r in rows] == ["unfinished"] * 2 + ["not_run"] * 2 or [str(rows)])
    out, code = sweep("slow.toml", "--out", "told-SIGTERM", "--jobs", "2", folder=here)
    cases.check("told to end, then finished", not_whole(here / "told-SIGTERM", 150, 4) + ([] if code == 0 else [out]))
    # Killed itself, the sweep cannot tell them; the kernel does.
    process = start("slow.toml", "--out", "orphans", "--jobs", "2", folder=here)
    wait_until(lambda: len(children_of(process.pid)) == 2 and len(list((here / "orphans").glob("*/metrics.csv"))) == 2)
    children = children_of(process.pid)
    process.kill()
    process.communicate()
    cases.check("killed: no run goes on", wait_until(lambda: all(is_gone(c) for c in children)))
    status = [json.loads(p.read_text())["status"] for p in (here / "orphans").glob("*/run.json")]
    cases.check("killed: before their ends", len(status) == 2 and "finished" not in status or [str(status)])
    # A run that another process has, such as the rest of a killed sweep, is waited for.
    process = start("slow.toml", "--out", "taken", "--jobs", "1", "--shard", "1/4", folder=here)
    wait_until(lambda: len(children_of(process.pid)) == 1 and list((here / "taken").glob("*/metrics.csv")))
    out, code = sweep("slow.toml", "--out", "taken", "--jobs", "1", "--shard", "1/4", folder=here)
    process.communicate()
    said = "waiting for 1 run of another process" in out and "finished in another process" in out
    cases.check("a taken run is waited for", [] if code == 0 and process.returncode == 0 and said else [f"{code}: {out}"])


def failing(here):
    """A run that fails, or whose process is killed, does not end the others, is recorded, and is tried again."""
    (here / "large.toml").write_text(TINY + '[[sweep.zip]]\n"data.train" = [40, 4000000, 80]\n"run.memory" = ["1GiB", "40MiB", "1GiB"]\n')
    out, code = sweep("large.toml", "--out", "large", "--jobs", "2", folder=here)
    rows = rows_of(here / "large" / "summary.csv")
    cases.check("out of memory", [] if code == 1 and [r["status"] for r in rows] == ["finished", "failed", "finished"] else [f"{code}: {out}"])
    message = here / "large" / "failed" / f"{rows[1]['run']}.txt"
    cases.check("its message is kept", "run.memory" in message.read_text() and "(exit code 6)" in message.read_text())
    (here / "slow.toml").write_text(SLOW)
    process = start("slow.toml", "--out", "crash", "--jobs", "2", folder=here)
    wait_until(lambda: len(children_of(process.pid)) == 2 and len(list((here / "crash").glob("*/metrics.csv"))) == 2)
    os.kill(children_of(process.pid)[0], signal.SIGKILL)
    out, _ = process.communicate(timeout=120)
    states = [r["status"] for r in rows_of(here / "crash" / "summary.csv")]
    cases.check("a killed run", [] if process.returncode == 1 and sorted(states) == ["failed"] + ["finished"] * 3 and
                "ended by signal 9" in out else [f"{process.returncode}: {states}: {out}"])
    out, code = sweep("slow.toml", "--out", "crash", folder=here)
    cases.check("tried again", not_whole(here / "crash", 150, 4) + ([] if code == 0 else [out]))
    cases.check("no message is left", list((here / "crash" / "failed").iterdir()) == [])


def search(here):
    """Gradient descent on ½(xy)² from (2.5, 0.5): the edge is found, in whatever way the work is shared."""
    (here / "search.toml").write_text("""[model]
name = "dln"
[training]
loss = "mse"
steps = 200
divergence_loss = 1e6
[sweep]
"model.start" = [[2.5, 0.5], [1.5, 0.25]]
until_divergence = {"training.learning_rate" = {from = 0.05, factor = 2, refine = 4}}
""")
    out, code = sweep("search.toml", "--out", "one", "--jobs", "2", folder=here)
    cases.check("a search", [] if code == 0 and out.count("runs begin to diverge between") == 2 else [f"{code}: {out}"])
    named = [f"start=[{start_at}]: training.learning_rate: runs begin to diverge between" in out for start_at in ["2.5, 0.5", "1.5, 0.25"]]
    cases.check("what a search found names its combination", all(named) or [out])
    cases.check("a divergence names its run", out.count(": diverged at step ") == sum(
        line.startswith("start=[") for line in out.splitlines() if ": diverged at step " in line) > 0 or [out])
    run = run_folders(here / "one")[0]
    report = (run / "report.html").read_bytes()
    out, code = sweep("search.toml", "--out", str(run), folder=here)
    cases.check("a run's folder is refused", [] if code == 73 and "found the folder of a run; choose another --out" in out and
                (run / "report.html").read_bytes() == report else [f"{code}: {out}"])
    rows = rows_of(here / "one" / "summary.csv")
    for start_at in ["[2.5, 0.5]", "[1.5, 0.25]"]:
        mine = [r for r in rows if r["model.start"] == start_at]
        stable = [float(r["training.learning_rate"]) for r in mine if r["status"] == "finished"]
        diverged = [float(r["training.learning_rate"]) for r in mine if r["status"] == "diverged"]
        ratio = min(diverged) / max(stable)
        cases.check(f"the edge from {start_at}", 1 < ratio < 2 ** (1 / 16) + 1e-6 or [f"{stable} {diverged}"])
        cases.check("where it diverged is given", all(r["diverged_at"] for r in mine if r["status"] == "diverged"))
    for i in [2, 1]:
        sweep("search.toml", "--out", "two", "--shard", f"{i}/2", folder=here)
    cases.check("a search in shards", differing(here / "one" / "summary.csv", here / "two" / "summary.csv"))
    cases.check("a search again runs nothing", sweep("search.toml", "--out", "two", folder=here)[1] == 0)


PARENT = ["training.steps=40", "training.learning_rate=0.3", "data.train=256", "data.test=40", "model.hidden=[32]", "events.merge_gap=1",
          "events.minimum_length=6"]


def by_hand(folder, parent, origin, *sets):
    subprocess.run([brink, "fork", parent, *origin, "--out", folder, "--quiet", *(a for s in sets for a in ["--set", s])], check=True)
    return folder


def differing_runs(a, b):
    """Complaints unless two run folders hold the same rows, events and end."""
    out = [f"{name}: {line}" for name in ["metrics.csv", "events.csv"] for line in differing(a / name, b / name)[:2]]
    digests = [json.loads((run / "run.json").read_text())["final_digest"] for run in [a, b]]
    return out + ([] if digests[0] == digests[1] else [str(digests)])


def forked(here):
    """Forks of a parent: those of `brink fork`, also of a sweep that was killed twice, and of shards."""
    place = here / "forked"
    (place / "docs" / "examples").mkdir(parents=True)
    parent = place / "runs" / "parent"
    subprocess.run([brink, "train", "--out", parent, "--quiet", *(a for s in PARENT for a in ["--set", s])], check=True)
    before = stamp(place / "runs")
    # The example of the documentation, unchanged.
    example = pathlib.Path(__file__).resolve().parents[2] / "docs" / "examples" / "forks.toml"
    (place / "docs" / "examples" / "forks.toml").write_text(example.read_text())
    out, code = sweep("docs/examples/forks.toml", "--out", "example", "--jobs", "2", folder=place)
    rows = rows_of(place / "example" / "summary.csv")
    rates = [row["training.learning_rate"] for row in rows]
    cases.check("the example", [] if code == 0 and rates == ["0.075", "0.15", "0.3", "0.45", "0.6"] else [f"{code}: {rates}: {out}"])
    origin = ["--before-resolution", "3", "--instability", "1"]
    hand = [by_hand(place / f"hand-{rate}", parent, origin, f"training.learning_rate={rate}") for rate in rates]
    for row, folder in zip(rows, hand):
        cases.check(f"the fork with {row['training.learning_rate']}", differing_runs(place / "example" / row["run"], folder))
    cases.rejects("the same fork", differing_runs(place / "example" / rows[0]["run"], hand[1]))
    at = int(rows[2]["fork.at_step"])
    kept = (parent / "metrics.csv").read_text().splitlines()
    own = (place / "example" / rows[2]["run"] / "metrics.csv").read_text().splitlines()
    cases.check("factor 1 changes nothing", own == kept[:1] + kept[1 + at:])

    # Twelve of two steps, killed twice; then the state of a kill before the first checkpoint.
    (place / "many.toml").write_text("""[training]
steps = 160
[sweep.fork]
parent = "runs/parent"
at_step = [5, 30]
[sweep.scale]
"training.learning_rate" = {from = 0.25, to = 1, count = 6}
""")
    out, code = sweep("many.toml", "--out", "whole", "--jobs", "2", folder=place)
    whole = rows_of(place / "whole" / "summary.csv")
    cases.check("twelve forks", [] if code == 0 and len(whole) == 12 and "12/12 done" in out else [f"{code}: {out[-500:]}"])
    for begun, children_too in [(2, True), (6, False)]:
        process = start("many.toml", "--out", "killed", "--jobs", "2", folder=place)
        wait_until(lambda: len(run_folders(place / "killed")) >= begun)
        time.sleep(random.uniform(0, 0.1))
        children = children_of(process.pid)
        process.kill()
        for child in children if children_too else []:
            os.kill(child, signal.SIGKILL)
        process.communicate()
        cases.check("a killed sweep's forks end", wait_until(lambda: all(is_gone(c) for c in children)))
    left = sum(1 for run in run_folders(place / "killed") if json.loads((run / "run.json").read_text())["status"] == "finished")
    cases.check("it was killed on its way", 0 < left < 12 or [f"{left} forks were over"])
    lost = place / "whole" / whole[3]["run"]
    (lost / "run.json").write_text((lost / "run.json").read_text().replace('"finished"', '"running"'))
    for file in (lost / "checkpoints").iterdir():
        file.unlink()
    reference = {row["run"]: row for row in whole}
    out, code = sweep("many.toml", "--out", "killed", "--jobs", "2", folder=place)
    cases.check("killed twice", [] if code == 0 else [f"{code}: {out[-500:]}"])
    cases.check("killed twice, same summary", differing(place / "whole" / "summary.csv", place / "killed" / "summary.csv"))
    for run in run_folders(place / "killed"):
        row = reference[run.name]
        cases.check("each row once", steps_of(run) == list(range(int(row["fork.at_step"]), 161)) or [str(steps_of(run)[:9])])
    row = whole[7]
    folder = by_hand(place / "hand", parent, ["--at", row["fork.at_step"]], "training.steps=160",
                     f"training.learning_rate={row['training.learning_rate']}")
    cases.check("a killed fork is that of brink fork", differing_runs(place / "killed" / row["run"], folder))
    summary = (place / "whole" / "summary.csv").read_bytes()
    out, code = sweep("many.toml", "--out", "whole", folder=place)
    cases.check("a fork without its first checkpoint begins again from its parent",
                [] if code == 0 and (place / "whole" / "summary.csv").read_bytes() == summary
                and json.loads((lost / "run.json").read_text())["status"] == "finished" else [f"{code}: {out[-500:]}"])

    for i in [3, 1, 2]:
        sweep("many.toml", "--out", "shards", "--shard", f"{i}/3", "--jobs", "2", folder=place)
        if i == 3:
            cases.rejects("same summary, one shard of forks", differing(place / "whole" / "summary.csv", place / "shards" / "summary.csv"))
    cases.check("shards of forks, same summary", differing(place / "whole" / "summary.csv", place / "shards" / "summary.csv"))
    done = stamp(place / "shards")
    out, code = sweep("many.toml", "--out", "shards", folder=place)
    cases.check("no fork is left to run", [] if code == 0 and stamp(place / "shards") == done else [out])
    cases.check("the parent is as it was", stamp(place / "runs") == before)

    # Refused before anything is made.
    fork = '[sweep.fork]\nparent = "runs/parent"\n'
    for name, text, expected, said in [
            ("a step beyond the end", fork + "at_step = [3, 41]\n", 2, "brink: wrong.toml:3:15: fork.at_step 41: expected a step from 0 to 40"),
            ("no parent", '[sweep.fork]\nparent = "runs/x"\nat_step = 3\n', 3, "is not the folder of a run; a relative path begins at"),
            ("another network", fork + 'at_step = 3\n[sweep.model]\nhidden = [[8]]\n', 2, "brink: wrong.toml:5:1: model.hidden: a fork has")]:
        (place / "wrong.toml").write_text(text)
        for more in [[], ["--dry-run"], ["--slurm"]]:
            out, code = sweep("wrong.toml", "--out", "wrong", *more, folder=place)
            cases.check(f"{name} {more}", [] if code == expected and said in out and out.count("\n") == 1 else [f"{code}: {out}"])
    process = subprocess.Popen([brink, "train", "--out", place / "busy", "--quiet", "--set", "training.steps=100000"])
    wait_until(lambda: (place / "busy" / "metrics.csv").exists())
    (place / "wrong.toml").write_text('[sweep.fork]\nparent = "busy"\nat_step = 0\n')
    out, code = sweep("wrong.toml", "--out", "wrong", folder=place)
    process.kill()
    process.wait()
    cases.check("a parent in use", [] if code == 3 and "busy is in use by another process; wait" in out else [f"{code}: {out}"])
    cases.check("no fork was made", not (place / "wrong").exists())


def pages(here):
    """More runs than a page shows: that is said."""
    (here / "many.toml").write_text(TINY.replace("steps = 6", "steps = 1") + '[sweep]\n"training.seed" = {seeds = 105}\n"run.threads" = [1, 2]\n')
    out, code = sweep("many.toml", "--out", "many", folder=here)
    cases.check("runs with the same numbers are one", out.count("left out: ") == 105 and len(run_folders(here / "many")) == 105)
    cases.check("a page of many", code == 0 and "report.html: 100 of the 105 runs" in out or [out[-500:]])
    cases.check("the summary has all", len(rows_of(here / "many" / "summary.csv")) == 105)


with tempfile.TemporaryDirectory() as temporary:
    place = pathlib.Path(temporary)
    (place / "sixty.single.toml").write_text(TINY)
    for part in ([refused, killed, shared, told_to_end, failing, search, forked, pages] if len(sys.argv) < 3 else [globals()[sys.argv[2]]]):
        begun = time.monotonic()
        part(place)
        print(f"{part.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
cases.close()
