# SPDX-License-Identifier: MIT
"""tools/profile with fake profilers that only record how they were called.
usage: profile_test.py BUILD
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

cases = Cases()
NOTE = "import json, os, sys; json.dump(sys.argv[1:], open(os.environ['NOTED'], 'w'))"


def fake(folder, name, body):
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o755)


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)
    noted = here / "noted.json"
    machines = {}
    for machine in ["whole", "no tools", "no driver", "no gpu", "failing"]:
        folder = machines[machine] = here / machine.replace(" ", "-")
        folder.mkdir()
        (folder / "python3").symlink_to(sys.executable)
        (folder / "env").symlink_to(shutil.which("env"))
        if machine != "no tools":
            for tool in ["nsys", "ncu", "perf"]:
                fake(folder, tool, NOTE + ("\nsys.exit(9)" if machine == "failing" else ""))
        if machine != "no driver":
            says = "No devices were found" if machine == "no gpu" else "GPU 0: NVIDIA H200 (UUID: GPU-0)"
            fake(folder, "nvidia-smi", f"print({says!r})")

    def call(machine, *arguments):
        """(status, standard output, standard error, how the profiler was called)"""
        noted.unlink(missing_ok=True)
        done = subprocess.run([sys.executable, str(ROOT / "tools" / "profile"), *arguments], capture_output=True, text=True,
                              env={**os.environ, "PATH": str(machines[machine]), "NOTED": str(noted)}, cwd=temporary)
        return done.returncode, done.stdout, done.stderr, json.loads(noted.read_text()) if noted.exists() else None

    def expect(name, found, status, needed, said="", forbidden=()):
        code, out, error, called = found
        complaints = []
        if code != status:
            complaints.append(f"status {status} expected, {code} found: {error.strip()}")
        if needed is None and called is not None:
            complaints.append(f"called with {called}")
        if needed is not None and called is None:
            complaints.append(f"not called: {error.strip()}")
        complaints += [f"{word} is missing in {called}" for word in needed or [] if word not in (called or [])]
        complaints += [f"{word} is there: {called}" for word in forbidden if word in (called or [])]
        if said and said not in out + error:
            complaints.append(f"expected {said!r}, found {(out + error).strip()!r}")
        return complaints

    def case(name, machine, status, needed, *arguments, **more):
        cases.check(name, expect(name, call(machine, *arguments), status, needed, **more))

    out = str(here / "out")
    job = ["--", "./mine", "train", "--device", "cuda"]
    case("nsys", "whole", 0, ["profile", "--trace=cuda,nvtx,osrt", "--cuda-graph-trace=node", f"--output={out}", "--nvtx", "phases"],
         "nsys", "--out", out, *job, said=f"nsys-ui {out}.nsys-rep", forbidden=["nodes"])
    case("nsys by layers", "whole", 0, ["--nvtx", "nodes"], "nsys", "--layers", "--out", out, *job, forbidden=["phases"])
    called = call("whole", "nsys", "--out", out, *job)[3]
    cases.check("the job stands last and as it was", called[-6:] == ["./mine", "train", "--device", "cuda", "--nvtx", "phases"])

    every = ["SpeedOfLight", "MemoryWorkloadAnalysis", "Occupancy", "SchedulerStats", "SourceCounters", "WarpStateStats"]
    case("ncu", "whole", 0, [f"--section={s}" for s in every] + ["--graph-profiling=node", "--launch-count=5", "--nvtx"], "ncu",
         "--out", out, *job, said=f"ncu-ui {out}.ncu-rep")
    case("ncu, one kernel", "whole", 0, ["--kernel-name=matmul_kernel", "--kernel-name-base=function", "--launch-skip=3",
                                         "--launch-count=1", "phases"],
         "ncu", "--kernel", "matmul_kernel", "--skip", "3", "--launches", "1", "--out", out, *job)
    case("ncu, one node", "whole", 0, ["--nvtx-include=dense0 matmul/", "nodes"], "ncu", "--range", "dense0 matmul", "--out", out,
         *job)
    case("ncu, one set", "whole", 0, ["--section=Occupancy"], "ncu", "--set", "occupancy", "--out", out, *job,
         forbidden=["--section=SourceCounters"])
    case("ranges that were asked for stay", "whole", 0, ["phases"], "nsys", "--layers", "--out", out, *job, "--nvtx", "phases",
         forbidden=["nodes"])
    case("other commands get no ranges", "whole", 0, ["verify"], "nsys", "--out", out, "--", "brink", "verify", forbidden=["--nvtx"])
    case("perf needs no GPU", "no driver", 0, ["record", f"--output={out}.data", "./mine"], "perf", "--out", out, *job,
         said=f"perf report -i {out}.data", forbidden=["--nvtx"])

    dry = call("no tools", "ncu", "--dry-run", "--kernel", "matmul_kernel", "--range", "dense0 matmul", "--out", out, *job)
    cases.check("dry run", expect("dry run", dry, 0, None, said="'--nvtx-include=dense0 matmul/' --kernel-name-base=function"))
    cases.check("dry run: one line", dry[1].count("\n") == 1 and dry[2] == "")
    case("no nsys", "no tools", 1, None, "nsys", *job, said="nsys was not found on the PATH")
    case("no ncu", "no tools", 1, None, "ncu", *job, said="install Nsight Compute")
    case("no perf", "no tools", 1, None, "perf", *job, said="linux-perf")
    case("no driver", "no driver", 1, None, "ncu", *job, said="no GPU: nvidia-smi, a part of NVIDIA's driver, was not found")
    case("no GPU", "no gpu", 1, None, "nsys", *job, said="No devices were found")
    case("what to do without a GPU", "no gpu", 1, None, "nsys", *job, said="brink train --trace")
    case("nothing to run", "whole", 1, None, "ncu", said="expected a command after --")
    case("an option of another tool", "whole", 1, None, "nsys", "--kernel", "x", *job, said="--kernel is an option of ncu")
    case("an unknown set", "whole", 2, None, "ncu", "--set", "everything", *job)
    case("the profiler's status is passed on", "failing", 9, ["profile"], "nsys", "--out", out, *job)

    found = call("whole", "nsys", "--out", out, *job)
    cases.rejects("an option that is missing", expect("", found, 0, ["--cuda-graph-trace=graph"]))
    cases.rejects("a profiler that was not to be called", expect("", found, 0, None))
cases.close()
