# SPDX-License-Identifier: MIT
"""`brink sweep --slurm` and `tools/reproduce --slurm` on a real Slurm of one node, started on loopback: the job array runs to its end,
and a task whose time is up puts itself back into the queue and goes on. Where slurmd cannot start, sbatch --test-only judges the script.
usage: slurm_test.py BUILD
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
from environment import environment
from harness import ROOT, Cases, command

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
cases = Cases()
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol"]
PLACES = os.environ["PATH"] + ":/usr/sbin:/sbin"

SWEEP = """[model]
name = "dln"
[training]
loss = "mse"
steps = 300
[sweep]
"training.learning_rate" = [0.01, 0.02, 0.03, 0.04]
"training.seed" = [0, 1]
"""
# A run of some seconds.
LONG = """[data]
train = 1000
test = 40
[training]
steps = 300
[sweep]
"training.seed" = [0]
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Slurm:
    """munged, slurmctld and slurmd with all their files in one folder."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.host = socket.gethostname().split(".")[0]
        key = folder / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        for name in ["state", "spool"]:
            (folder / name).mkdir()
        controller, node = free_ports(2)
        (folder / "slurm.conf").write_text(f"""ClusterName=test
SlurmctldHost={self.host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={controller}
SlurmdPort={node}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
NodeName={self.host} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
""")
        self.environment = {**os.environ, "PATH": PLACES, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self, *line):
        log = open(self.folder / f"{line[0]}.out", "w")
        self.processes.append(subprocess.Popen(line, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    def begin(self):
        f = self.folder
        self.start("munged", "--foreground", "--force", f"--key-file={f}/key", f"--socket={f}/munge.sock", f"--pid-file={f}/munged.pid",
                   f"--log-file={f}/munged.log", f"--seed-file={f}/munged.seed")
        self.wait(lambda: (f / "munge.sock").exists(), 10)
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D")

    def ask(self, *line):
        return command(list(line), env=self.environment)

    def wait(self, condition, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.2)
        return False

    def idle(self):
        return self.wait(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T")[0], 20)

    def queue(self):
        return self.ask("squeue", "--noheader", "--format=%t %r")[0]

    def end(self):
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def write_script(folder, text, *more):
    (folder / "sweep.toml").write_text(text)
    out, code = command([brink, "sweep", "sweep.toml", "--out", "out", *more], cwd=folder)
    script = folder / "out" / "sweep.sbatch"
    cases.check("the script is written", [] if code == 0 and str(script) in out and "submit it with: sbatch" in out else [out])
    cases.check("bash reads it", [] if command(["bash", "-n", script])[1] == 0 else ["bash -n"])
    return script


def to_the_end(slurm, here):
    script = write_script(here, SWEEP, "--slurm", "--tasks", "3")
    out, code = slurm.ask("sbatch", str(script))
    cases.check("submitted", code == 0 or [out])
    cases.check("the array ends", slurm.wait(lambda: slurm.queue() == "", 60) or [slurm.queue()])
    summary = here / "out" / "summary.csv"
    said = "\n".join(p.read_text() for p in sorted((here / "out" / "slurm").glob("*.txt")))
    rows = summary.read_text().splitlines() if summary.exists() else []
    cases.check("all runs are finished", len(rows) == 9 and all(",finished," in row for row in rows[1:]) or [said])
    cases.check("three tasks", len(list((here / "out" / "slurm").glob("*.txt"))) == 3)
    command([brink, "sweep", "sweep.toml", "--out", "alone"], cwd=here)
    cases.check("same summary as without Slurm", summary.read_bytes() == (here / "alone" / "summary.csv").read_bytes())


def time_is_up(slurm, here):
    script = write_script(here, LONG, "--slurm")
    number = slurm.ask("sbatch", "--parsable", str(script))[0].strip()
    slurm.wait(lambda: list((here / "out").glob("*/metrics.csv")), 30)
    # What Slurm sends 60 s before the time is up; that it sends it is Slurm's part.
    slurm.ask("scancel", "--batch", "--signal=TERM", number)
    queued = slurm.wait(lambda: slurm.queue().startswith("PD"), 30)
    cases.check("a task that is told to end queues again", queued or [slurm.queue(), *(p.read_text() for p in (here / "out" / "slurm").glob("*.txt"))])
    status = [json.loads(p.read_text())["status"] for p in (here / "out").glob("*/run.json")]
    cases.check("its run is not over", status not in ([], ["finished"]) or [str(status)])
    # Slurm lets a requeued task wait for two minutes, which an administrator may shorten.
    slurm.ask("scontrol", "update", f"JobId={number}", "StartTime=now")
    cases.check("it ends", slurm.wait(lambda: slurm.queue() == "", 90) or [slurm.queue()])
    summary = here / "out" / "summary.csv"
    cases.check("resumed to the end", ",finished,300," in summary.read_text() or [summary.read_text()])


def reproduced(slurm, here):
    """An experiment whose runs three tasks share has the bytes of one that was made by one process."""
    variables, why_not = environment(sys.argv[1])
    if why_not:
        return cases.skip("tools/reproduce --slurm", why_not)
    call = [str(ROOT / "tools" / "reproduce"), str(ROOT / "python" / "tests" / "small_experiment.py"), "--jobs", "1", "--quiet"]
    told, code = command([*call, "--out", str(here / "shared"), "--slurm", "--tasks", "3"], env=variables)
    cases.check("reproduce writes the script", code == 0 or [told])
    slurm.environment = {**variables, **slurm.environment, "BRINK": variables["BRINK"], "BRINK_PAPER_VENV": variables["BRINK_PAPER_VENV"]}
    told, code = slurm.ask("sbatch", str(here / "shared" / "reproduce.sbatch"))
    cases.check("reproduce is submitted", code == 0 or [told])
    cases.check("its array ends", slurm.wait(lambda: slurm.queue() == "", 120) or [slurm.queue()])
    said = "\n".join(path.read_text() for path in sorted((here / "shared" / "slurm").glob("*.txt")))
    told, code = command([*call, "--out", str(here / "alone")], env=variables)
    names = ["claims.csv", "figure.svg", "losses.csv", "page.html", "runs.csv"]
    differ = [name for name in names if not (here / "shared" / "tiny" / name).is_file() or
              (here / "shared" / "tiny" / name).read_bytes() != (here / "alone" / "tiny" / name).read_bytes()]
    return cases.check("three tasks made the same result as one", [f"{name} differs" for name in differ] + ([said] if differ else []))


def main():
    missing = [p for p in PROGRAMS if not shutil.which(p, path=PLACES)]
    if missing:
        return cases.skip("Slurm", f"{', '.join(missing)} not found; Debian has slurmctld, slurmd, slurm-client and munge")
    if os.getuid() != 0:
        return cases.skip("Slurm", "needs root, as which slurmd runs here")
    with tempfile.TemporaryDirectory() as temporary:
        here = pathlib.Path(temporary)
        for name in ["slurm", "first", "second", "third"]:
            (here / name).mkdir()
        slurm = Slurm(here / "slurm")
        try:
            slurm.begin()
            if not slurm.idle():
                logs = (here / "slurm" / "slurmd.out").read_text().splitlines()[-3:]
                cases.skip("Slurm runs the array", "slurmd does not start here: " + " ".join(logs))
                script = write_script(here / "first", SWEEP, "--slurm", "--tasks", "3")
                out, code = slurm.ask("sbatch", "--test-only", str(script))
                return cases.check("sbatch --test-only", code == 0 or [out])
            to_the_end(slurm, here / "first")
            time_is_up(slurm, here / "second")
            reproduced(slurm, here / "third")
            script = here / "first" / "out" / "sweep.sbatch"
            broken = here / "broken.sbatch"
            broken.write_text(script.read_text().replace("--array=1-3", "--array=1-x"))
            cases.rejects("sbatch reads the script", slurm.ask("sbatch", "--test-only", str(broken))[1] != 0)
        finally:
            slurm.end()


main()
cases.close()
