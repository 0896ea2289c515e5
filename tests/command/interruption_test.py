# SPDX-License-Identifier: MIT
"""Runs of the command that are killed or asked to end, and go on (S1 and R1 of docs/promises.md).
usage: interruption_test.py BUILD [--all]

--all: 10,000 kills and 100 signals instead of 200 and 20.
"""

import concurrent.futures
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
long = "--all" in sys.argv
cases = Cases()
chance = random.Random(1)
CHEAP = ["training.steps=600", "training.learning_rate=0.9", "data.train=40", "data.test=20", "model.hidden=[4]", "measure.budget=30",
         "run.checkpoint_every=7"]


def settings(values):
    return [x for value in values for x in ("--set", value)]


def start(folder, here, values, *more, output=subprocess.DEVNULL):
    return subprocess.Popen([brink, "train", "--threads", "1", "--out", folder, *settings(values), *more], cwd=here, stdout=output,
                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)


def record(folder):
    return tuple((folder / name).read_bytes() for name in ("metrics.csv", "events.csv"))


def rows(folder):
    path = folder / "metrics.csv"
    return path.read_bytes().count(b"\n") if path.exists() else 0


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)
    began = time.monotonic()
    whole = start("whole", here, CHEAP)
    whole.wait()
    seconds = time.monotonic() - began
    cases.check("a run", whole.returncode == 0)
    expected = record(here / "whole")

    # kill -9 at random moments, until the wanted number of processes has been killed while it ran.
    def kill_runs(name, wanted):
        """Processes killed, runs that ended, complaints."""
        killed, runs, lost, chance, most_complaints = 0, 0, [], random.Random(name), 5
        while killed < wanted and len(lost) < most_complaints:
            runs += 1
            folder = here / name
            shutil.rmtree(folder, ignore_errors=True)
            while True:
                process = start(name, here, CHEAP, "--resume")
                time.sleep(chance.uniform(0, 1.2 * seconds if chance.random() < 0.3 else 0.25 * seconds))
                process.kill()
                said = process.communicate()[1]
                if process.returncode == -signal.SIGKILL:
                    killed += 1
                    continue
                if process.returncode != 0:
                    lost.append(f"{name}, run {runs}: status {process.returncode}: {said.strip()}")
                elif record(folder) != expected:
                    lost.append(f"{name}, run {runs}: other files")
                break
            left = [p.name for p in folder.rglob("*.tmp.*")]
            if left and not lost:
                lost.append(f"{name}, run {runs}: left behind: {left}")
        return killed, runs, lost

    # The campaign has the machine to itself; an ordinary test shares it.
    wanted, at_once = (10_000, len(os.sched_getaffinity(0))) if long else (200, 1)
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        ended = list(pool.map(lambda k: kill_runs(f"killed-{k}", -(-wanted // at_once)), range(at_once)))
    killed, runs, lost = sum(e[0] for e in ended), sum(e[1] for e in ended), [complaint for e in ended for complaint in e[2]]
    cases.check(f"{killed} processes killed at random moments: no run lost", lost)
    cases.check("runs were killed more than once, and ended", runs >= wanted // 100 or [f"{runs} runs, {killed} kills"])

    # The control writes its state in place: some kills leave it torn.
    writer = ("import os, sys\nstate = sys.argv[1]\ni = 0\nwhile True:\n    i += 1\n    with open(state, 'w') as f:\n"
              "        for k in range(200):\n            f.write(str(i) + '\\n')\n            f.flush()\n")
    torn = []
    for k in range(40):
        process = subprocess.Popen([sys.executable, "-c", writer, str(here / "state")])
        time.sleep(0.1 + chance.uniform(0, 0.02))
        process.kill()
        process.wait()
        lines = (here / "state").read_text().split("\n") if (here / "state").exists() else []
        if len(lines) != 201 or len(set(lines[:-1])) != 1:
            torn.append(f"kill {k}: {len(lines)} lines")
        if len(torn) >= 3:
            break
    cases.rejects("a writer in place loses none", torn)

    # Signals, during steps, Lanczos runs and checkpoints alike: the first ends the run in an orderly way.
    complaints, slowest = [], 0.0
    for k in range(100 if long else 20):
        folder, number = here / "asked", chance.choice([signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
        shutil.rmtree(folder, ignore_errors=True)
        process = start("asked", here, [x.replace("every=7", "every=1") if k % 2 else x for x in CHEAP], output=subprocess.PIPE)
        while rows(folder) < 3 and process.poll() is None:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.6 * seconds))
        sent = time.monotonic()
        process.send_signal(number)
        said, errors = process.communicate()
        slowest = max(slowest, time.monotonic() - sent)
        if process.returncode == 0:  # it had ended before
            continue
        status = json.loads((folder / "run.json").read_text())["status"]
        if process.returncode != 75 or status != "interrupted" or not (folder / "report.html").exists():
            complaints.append(f"{number.name}: status {process.returncode}, {status}: {errors.strip()}")
        if f"interrupted by {number.name} before step {rows(folder) - 1} of 600; --resume continues the run" not in said:
            complaints.append(f"{number.name}: {said.splitlines()[-2:]}")
        again = start("asked", here, CHEAP, "--resume", output=subprocess.PIPE)
        said = again.communicate()[0]
        if again.returncode != 0 or record(folder) != expected or f"going on from step" not in said:
            complaints.append(f"{number.name}: resumed with status {again.returncode}")
    cases.check("signals end a run with status 75, and it goes on", complaints)
    cases.check("within seconds", slowest < 5 or [f"{slowest:.1f} s"])

    # A signal that comes when the steps are done, and the report is being written, changes nothing.
    complaints = []
    for k in range(30):
        shutil.rmtree(here / "over", ignore_errors=True)
        process = start("over", here, [x.replace("steps=600", "steps=20") for x in CHEAP], output=subprocess.PIPE)
        while (line := process.stdout.readline()) and not line.startswith("instabilities: "):
            pass
        time.sleep(0.0005 * k)
        process.send_signal(signal.SIGINT)
        process.communicate()
        if process.returncode != 0 or not (here / "over" / "report.html").exists():
            complaints.append(f"after {0.5 * k:g} ms: status {process.returncode}")
    cases.check("a signal after the last step changes nothing", complaints)

    # A long Lanczos run is left between two products.
    heavy = ["data.name=synthetic-cifar", "data.train=1000", "data.test=10", "model.name=vgg", "model.channels=[16,32,64]", "training.steps=3",
             "measure.tolerance=1e-9", "measure.budget=100000", "run.checkpoint_every=0"]
    process = start("long", here, heavy)
    while not (here / "long" / "metrics.csv").exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(1)
    sent = time.monotonic()
    process.terminate()
    process.communicate()
    cases.check("a signal during a long Lanczos run", process.returncode == 75 and time.monotonic() - sent < 15
                or [f"status {process.returncode} after {time.monotonic() - sent:.1f} s"])

    # So is a long measurement, between two of its passes. To the end each would take minutes.
    few = ["data.name=synthetic-cifar", "data.train=100", "data.test=10", "model.name=vgg", "model.channels=[8,16,32]", "training.steps=3",
           "measure.tolerance=0.5", "run.checkpoint_every=0"]
    for name, more in (("kappa", ["measure.kappa.directions=256"]),
                       ("slices", ["measure.top=2", "measure.slices.every=1", "measure.slices.points=1001", "measure.slices.plane=101"])):
        process = start(name, here, [*few, *more])
        while not (here / name / "metrics.csv").exists() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(2)
        sent = time.monotonic()
        process.terminate()
        process.communicate()
        cases.check(f"a signal during a long measurement of {name}", process.returncode == 75 and time.monotonic() - sent < 15
                    and rows(here / name) == 1 or [f"status {process.returncode} after {time.monotonic() - sent:.1f} s, {rows(here / name)} lines"])

    # A second signal ends the process at once.
    process = start("twice", here, heavy)
    while not (here / "twice" / "metrics.csv").exists() and process.poll() is None:
        time.sleep(0.01)
    # Both wait for a stopped process, so that it cannot end in an orderly way between them.
    for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        process.send_signal(number)
    process.communicate(timeout=20)
    cases.check("a second signal", process.returncode in (-signal.SIGINT, -signal.SIGTERM) or [f"status {process.returncode}"])
    shown = subprocess.run([brink, "report", "twice"], cwd=here, capture_output=True, text=True)
    page = (here / "twice" / "report.html").read_text() if shown.returncode == 0 else shown.stderr
    cases.check("a run whose process is gone is shown as interrupted", "it was interrupted" in page)
    running = start("running", here, heavy)
    while not (here / "running" / "metrics.csv").exists() and running.poll() is None:
        time.sleep(0.01)
    subprocess.run([brink, "report", "running"], cwd=here, capture_output=True)
    cases.check("a run that goes on is not", "it was running when this was written" in (here / "running" / "report.html").read_text())
    running.kill()
    running.communicate()

    # A file-size limit, as a quota sets one.
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    done = subprocess.run([brink, "train", "--threads", "1", "--out", "limited", *settings(CHEAP)], cwd=here, capture_output=True, text=True,
                          preexec_fn=limited)
    cases.check("a quota", done.returncode == 4 and "limited/" in done.stderr and "File too large" in done.stderr
                or [f"status {done.returncode}: {done.stderr}"])
    cases.check("it leaves no temporary", [p.name for p in (here / "limited").rglob("*.tmp.*")])
    again = start("limited", here, CHEAP, "--resume")
    again.communicate()
    cases.check("after a quota a run goes on", again.returncode == 0 and record(here / "limited") == expected)

    # verify of a run that did not end recomputes what it recorded.
    stopped = start("stopped", here, [x.replace("steps=600", "steps=1000000") for x in CHEAP])
    while rows(here / "stopped") < 50 and stopped.poll() is None:
        time.sleep(0.005)
    stopped.kill()
    stopped.communicate()
    before = set(os.listdir(tempfile.gettempdir()))
    done = subprocess.run([brink, "verify", "stopped"], cwd=here, capture_output=True, text=True, timeout=120)
    cases.check("verify of a killed run", done.returncode == 0 or [done.stdout[-300:], done.stderr[-300:]])
    text = (here / "stopped" / "metrics.csv").read_text()
    (here / "stopped" / "metrics.csv").write_text(text.replace("\n30,", "\n30,1", 1))
    done = subprocess.run([brink, "verify", "stopped"], cwd=here, capture_output=True, text=True, timeout=120)
    cases.check("verify of a killed run: control", done.returncode == 1 and "step 30, column loss" in done.stdout)
    process = subprocess.Popen([brink, "verify", "stopped"], cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.15)
    process.terminate()
    process.wait()
    left = [x for x in set(os.listdir(tempfile.gettempdir())) - before if x.startswith("brink-verify")]
    cases.check("verify leaves nothing behind", left)

    # Commands that compute recorded steps again, before they have written anything.
    long_run = ["training.steps=150", "run.checkpoint_every=0", "data.train=1000"]
    process = start("parent", here, [*long_run, "data.test=20"])
    said = process.communicate()[1]
    cases.check("a parent for replays", process.returncode == 0 or [said])
    before = sorted(p for p in (here / "parent").rglob("*"))
    complaints = []
    for arguments in (["verify", "parent"], ["verify"], ["fork", "parent", "--at", "140", "--out", "new_fork"],
                      ["measure", "parent", "--steps", "140:150", "--set", "measure.update_cosine.every=1"]):
        for number in (signal.SIGTERM, signal.SIGINT):
            for seconds in (0.3, 0.2, 0.1):  # the closed-form checks may have ended before the signal
                process = subprocess.Popen([brink, *arguments], cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                           stdin=subprocess.DEVNULL, text=True)
                time.sleep(seconds)
                process.send_signal(number)
                said = process.communicate(timeout=60)[1]
                if process.returncode != 0:
                    break
            if process.returncode != 75 or f"interrupted by {number.name}: " not in said:
                complaints.append(f"{arguments}: status {process.returncode}: {said.strip()}")
    if sorted(p for p in (here / "parent").rglob("*")) != before or (here / "new_fork").exists():
        complaints.append("something was written")
    cases.check("a signal before the first row: verify, fork, measure", complaints)
    process = start("early", here, [*long_run[:2], "data.name=synthetic-cifar", "data.train=5000", "model.name=vgg"])
    time.sleep(0.2)
    process.terminate()
    said = process.communicate(timeout=120)[1]
    cases.check("a signal while a run loads its data", process.returncode == 75 and rows(here / "early") <= 1
                or [f"status {process.returncode}: {said.strip()}"])

cases.close()
