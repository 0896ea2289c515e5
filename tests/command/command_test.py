# SPDX-License-Identifier: MIT
"""What it is: the `brink` command from outside: exit codes, messages, and what it leaves behind (promises R3, R7, S7).
What it is not: a test of the numbers.
usage: command_test.py BUILD
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
cases = Cases()


def call(*arguments, shell=None, environment=None, folder=None):
    """(status, standard output, standard error)"""
    line = [brink, *arguments] if shell is None else ["bash", "-c", shell]
    done = subprocess.run(line, capture_output=True, text=True, errors="replace", cwd=folder, stdin=subprocess.DEVNULL,
                          env={**os.environ, "BRINK": brink, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def expect(name, found, status, said="", in_output=""):
    complaints = []
    if found[0] != status:
        complaints.append(f"{name}: status {status} expected, {found[0]} found: {found[2].strip()}")
    if said and found[2].strip() != said:
        complaints.append(f"{name}: expected {said!r}, found {found[2].strip()!r}")
    if in_output and in_output not in found[1]:
        complaints.append(f"{name}: expected {in_output!r} in {found[1]!r}")
    return complaints


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)

    def case(name, status, said="", *arguments, in_output="", **options):
        cases.check(name, expect(name, call(*arguments, folder=temporary, **options), status, said, in_output))

    case("help", 0, "", "--help", in_output="Exit codes")
    for name in ["train", "verify", "report", "data", "info"]:
        case(f"help of {name}", 0, "", name, "--help", in_output=name)
    case("version", 0, "", "--version", in_output="brink ")
    case("info", 0, "", "info", in_output="instruction sets")
    case("no command", 2)
    case("unknown command", 2, "", "trian")
    case("unknown option", 2, "", "train", "--step", "3")
    case("option without its value", 2, "", "train", "--out")

    (here / "wrong.toml").write_text("[training]\nlerning_rate = 0.1\n")
    case("wrong config", 2, "brink: wrong.toml:2:1: unknown key training.lerning_rate; the nearest is training.learning_rate",
         "train", "wrong.toml")
    case("wrong config, dry run", 2, "", "train", "--dry-run", "wrong.toml")
    case("missing config", 2, "brink: none.toml: the config cannot be read: No such file or directory", "train", "none.toml")
    case("wrong argument", 2,
         "brink: --set training.steps=-5: training.steps: expected an integer from 0 to 1000000000, got the integer -5",
         "train", "--set", "training.steps=-5")
    case("wrong flag", 2, "brink: --threads 0: run.threads: expected an integer from 1 to 1024 or \"all\", got the integer 0",
         "train", "--threads", "0")
    gpu = next(line for line in call("info")[1].splitlines() if line.startswith("GPU "))
    reason = gpu.removeprefix("GPU").strip().removeprefix("none: ")
    if "built without CUDA" in reason:
        case("no CUDA", 6, "brink: run.device = \"cuda\": this brink was built without CUDA; build it where nvcc is on the PATH, "
             "or give --device cpu", "train", "--device", "cuda")
    elif "none: " in gpu:
        case("no CUDA", 6, f"brink: run.device = \"cuda\": {reason}", "train", "--device", "cuda")
        cases.check("what to do is said", [] if "--device cpu" in reason else [reason])
    else:
        cases.skip("no CUDA", "this machine has a GPU")
    case("missing data", 3, "brink: none: expected the folder that holds the Fashion-MNIST files, found nothing", "train",
         "--set", "data.name=fmnist4", "--set", "data.directory=none")
    (here / "data").mkdir()
    case("empty data folder", 3,
         "brink: data/train-images-idx3-ubyte: expected this file, or the same with .gz, found neither", "train", "--set",
         "data.name=fmnist4", "--set", "data.directory=data")
    for part in ["train-images-idx3", "train-labels-idx1"]:
        (here / "data" / f"{part}-ubyte").write_bytes(b"\0\0\x08\1" + bytes(12))
    case("wrong magic", 3, "brink: data/train-images-idx3-ubyte: expected the IDX magic 0x00000803 (unsigned bytes, 3 dimensions), "
         "found 0x00000801", "train", "--set", "data.name=fmnist4", "--set", "data.directory=data")
    case("wrong instruction set", 2, "", "info", environment={"BRINK_SIMD": "mmx"})
    case("wrong instruction set, training", 2, "", "train", environment={"BRINK_SIMD": "mmx"})
    case("a name too long", 2, "", "train", "--out", "x" * 300)
    case("a path too long", 2, "", "train", "--out", "x/" * 3000 + "y")
    cases.check("nothing was made", [] if not (here / "runs").exists() and not (here / "x").exists() else ["a folder was made"])

    (here / "taken").mkdir()
    case("an existing folder", 73, "brink: taken exists already (not a run of brink); choose another --out", "train", "--out",
         "taken")

    plain = call("train", "--dry-run", folder=temporary)
    for name, environment in {"decimal comma": {"LC_ALL": "de_DE.UTF-8"}, "time zone": {"TZ": "Pacific/Chatham"}}.items():
        same = call("train", "--dry-run", folder=temporary, environment=environment) == plain and plain[0] == 0
        cases.check(f"dry run, {name}", [] if same else [f"{name}: the output differs"])
    case("a dry run in one line of text", 0, "", "train", "--dry-run", "--set", "data.directory=ü ö", "--set",
         "data.name=fmnist4", in_output='directory = "ü ö"')

    run = ["train", "--threads", "2", "--set", "training.steps=2", "--set", "data.train=400", "--set", "data.test=40"]
    case("a run", 0, "", *run, "--out", "plain")
    case("a run with a trace", 0, "", *run, "--out", "watched", "--trace", "trace.json", in_output="trace: trace.json")
    same = (here / "plain" / "metrics.csv").read_bytes() == (here / "watched" / "metrics.csv").read_bytes()
    cases.check("a trace changes no number", same and (here / "plain" / "metrics.csv").stat().st_size > 300)
    trace = json.loads((here / "trace.json").read_text())["traceEvents"]
    seen = {e["name"] for e in trace if e["ph"] == "X"}
    expected = {f"dense{i} matmul add_row relu" for i in range(4)} | {"dense4 matmul add_row"}
    expected |= {f"dense{i} weight_gradient backward" for i in range(5)} | {"step", "recurrence and sweep"}
    cases.check("a trace names all layers", sorted(expected - seen))
    cases.rejects("a trace names all layers", sorted({"dense5 matmul add_row"} - seen))
    # Residuals kept as memory allows, and the peak that the system saw; without a bound it is higher. The bytes of these 9,000
    # pictures, kept beside the arrays, would be too much.
    picture_run = ["train", "--threads", "2", *[x for s in ["data.name=synthetic-cifar", "data.train=1000", "data.test=8000",
                   "model.name=vgg", "model.channels=[2]", "model.ghost_batch=20", "training.steps=0", "measure.budget=2"]
                   for x in ("--set", s)]]
    peak = {}
    for memory in ["192MiB", "1GiB"]:
        with open(here / f"{memory}.txt", "w") as said:
            child = subprocess.Popen([brink, *picture_run, "--memory", memory, "--out", f"within {memory}"], cwd=here, stdout=said,
                                     stdin=subprocess.DEVNULL)
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        peak[memory] = used.ru_maxrss / 1024
        cases.check(f"a run within {memory}", child.returncode == 0 or [str(child.returncode)])
    plans = [(here / f"{memory}.txt").read_text().splitlines()[0] for memory in peak]
    complaints = [f"{peak} MiB; {plans}"]
    cases.check("memory bounds the peak", peak["192MiB"] < 192 or complaints)
    cases.check("its plan keeps some residuals and computes others again",
                "recomputed" in plans[0] and "kept for 0" not in plans[0] and "kept for all" in plans[1] or complaints)
    cases.rejects("memory bounds the peak", [] if peak["1GiB"] < 192 else complaints)
    same = (here / "within 192MiB" / "metrics.csv").read_bytes() == (here / "within 1GiB" / "metrics.csv").read_bytes()
    cases.check("memory changes no number", same)
    too_little = call(*picture_run, "--memory", "1KiB", "--out", "too little", folder=temporary)
    least = int(re.search(r"run.memory must be at least (\d+)MiB", too_little[2])[1])
    cases.check("too little memory", expect("too little memory", too_little, 6))
    case("one MiB too little", 6, "", *picture_run, "--memory", f"{least - 1}MiB", "--out", "one MiB too little")
    case("the least memory", 0, "", *picture_run, "--memory", f"{least}MiB", "--out", "the least memory", in_output="kept for 0")
    # Sizes are compared before anything is allocated: the process stays small. The control is a run that allocates.
    refused = {}
    for name, model, memory in [("a basis too large", "[2000,1000]", "50MiB"), ("absurd sizes", "[65536,65536]", "auto"),
                                ("a run that fits", "[2000,1000]", "4GiB")]:
        with open(here / f"{name}.txt", "w") as said:
            child = subprocess.Popen([brink, "train", "--set", f"model.hidden={model}", "--set", "data.train=40", "--set", "data.test=40",
                                      "--set", "training.steps=0", "--set", "measure.budget=2", "--memory", memory, "--out", name],
                                     cwd=here, stdout=said, stderr=said, stdin=subprocess.DEVNULL)
            _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        refused[name] = [child.returncode, used.ru_maxrss / 1024, (here / f"{name}.txt").read_text()]
    small = lambda found: found[0] == 6 and found[1] < 50 and "the largest part is the Krylov basis of 48 vectors: " in found[2] or [found]
    cases.check("a basis too large is refused before it is allocated", small(refused["a basis too large"]))
    cases.check("absurd sizes are refused before they are allocated", small(refused["absurd sizes"]))
    cases.rejects("absurd sizes are refused before they are allocated", [] if small(refused["a run that fits"]) is True else [refused])
    cases.check("a run that fits", refused["a run that fits"][0] == 0 or [refused])
    cases.check("nothing was made with too little", not (here / "too little").exists() and not (here / "one MiB too little").exists())
    case("an empty flag", 2, 'brink: --memory : run.memory: expected "auto", bytes as an integer, or a size such as "2GiB" (KiB, MiB, '
         'GiB), got the string ""', *run, "--memory", "")
    case("a flag given twice", 2, "", *run, "--threads", "1", "--threads", "2")
    case("a trace that cannot be written", 4, "brink: none: open: No such file or directory", *run, "--out", "other", "--trace",
         "none/trace.json")
    os.mkfifo(here / "pipe")
    case("a trace in the place of a pipe", 4, "brink: pipe: expected a file, or nothing yet, found something else", *run, "--out",
         "other", "--trace", "pipe")
    cases.check("the pipe is still one", (here / "pipe").is_fifo())
    cases.check("then the run did not begin", not (here / "other").exists())
    found = call(folder=temporary, shell='ulimit -f 40; "$BRINK" ' + " ".join([*run, "--out late --trace late.json"]))
    cases.check("a disk that fills while the trace is written",
                expect("a full disk", found, 4, "brink: ./late.json: write: File too large"))
    whole = (here / "late" / "metrics.csv").read_bytes() == (here / "plain" / "metrics.csv").read_bytes()
    cases.check("then the run is there and the trace is empty",
                whole and json.loads((here / "late.json").read_text()) == {"traceEvents": []})
    case("two who watch", 2, "", *run, "--out", "other", "--trace", "t.json", "--nvtx", "phases")
    case("unknown ranges", 2, "", *run, "--nvtx", "everything")

    case("closed standard output", 0, shell='"$BRINK" info >&-')
    case("a reader that leaves", 0, shell='set -o pipefail; "$BRINK" train --dry-run | true')
    case("a full standard output", 4, "brink: standard output: write: No space left on device", shell='"$BRINK" info >/dev/full')
    case("no descriptor at all", 2, shell='"$BRINK" train wrong.toml <&- >&- 2>&-')
    cases.check("wrong.toml is as it was",
                [] if (here / "wrong.toml").read_text().startswith("[training]") else ["messages were written into a file"])
    case("report of nothing", 3, "", "report", "taken")
cases.close()
