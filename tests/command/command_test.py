# SPDX-License-Identifier: MIT
"""The `brink` command from outside: exit codes, messages, and the files it leaves (R3, R7 and S7 of docs/promises.md).
usage: command_test.py BUILD
"""

import csv
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

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
    for name in ["train", "sweep", "verify", "report", "data", "info"]:
        case(f"help of {name}", 0, "", name, "--help", in_output=name)
    case("version", 0, "", "--version", in_output="brink ")
    case("info", 0, "", "info", in_output="instruction sets")
    commands = "train, sweep, verify, fork, measure, spectrum, report, walk, data and info (`brink --help` explains them)"
    case("no command", 2, f"brink: expected a command after `brink`; the commands are {commands}")
    case("an option in place of a command", 2, f"brink: expected a command after `brink`, found --out; the commands are {commands}", "--out", "x")
    for word, nearest in [("trian", "; the nearest is train"), ("foo", "; the nearest is fork"), ("Report", "; the nearest is report"),
                          ("spec", "; the nearest is spectrum"), ("xyzzy", "")]:
        case(f"unknown command {word}", 2, f"brink: there is no command `brink {word}`{nearest}; the commands are {commands}", word, "--set", "a=1")
    case("unknown command of data", 2, "brink: there is no command `brink data fecth`; the nearest is fetch; the commands are list, check and "
         "fetch (`brink data --help` explains them)", "data", "fecth")
    case("unknown option", 2, "", "train", "--step", "3")
    case("option without its value", 2, "", "train", "--out")
    for line, said in [
            ("fork p --at=-1", "--at: expected a step, 0 or more, found -1"), ("fork p --at x", "--at: expected a step, 0 or more, found x"),
            ("fork p --at 1.5", "--at: expected a step, 0 or more, found 1.5"), ("fork p --at 010", "--at: expected a step, 0 or more, found 010"),
            ("fork p --at 99999999999999999999",
             "--at: expected a step from 0 to 9223372036854775807, found 99999999999999999999"),
            ("fork p --before-resolution=-3", "--before-resolution: expected a number of steps, 1 or more, found -3"),
            ("fork p --instability 0", "--instability: expected the number of an instability, 1 or more, found 0"),
            ("spectrum p --step=-1", "--step: expected a step, 0 or more, found -1"),
            ("spectrum p --top=-1", "--top: expected a number of eigenvalues, 0 or more, found -1"),
            ("spectrum p --bottom 2147483648", "--bottom: expected a number of eigenvalues from 0 to 2147483647, found 2147483648"),
            ("spectrum p --budget 0", "--budget: expected a number of products, 1 or more, found 0"),
            ("spectrum p --probes 5000", "--probes: expected a number of vectors from 1 to 4096, found 5000"),
            ("spectrum p --depth 1", "--depth: expected a number of products from 2 to 128, found 1"),
            ("spectrum p --tolerance 0", "--tolerance: expected a number above 0, found 0"),
            ("spectrum p --width inf", "--width: expected a number above 0, found inf"),
            ("spectrum p --operator q", "--operator: expected hessian, gauss_newton or difference, found q"),
            ("walk --out w --paths 0", "--paths: expected a number of paths from 1 to 1000000000, found 0"),
            ("walk --out w --floor=-1", "--floor: expected a number, 0 or more, found -1"),
            ("walk --out w --slope nan", "--slope: expected a number, found nan"),
            ("walk --out w --seed=-1", "--seed: expected a seed, 0 or more, found -1"),
            ("walk --out w --threads= ", "--threads: expected a number of threads from 1 to 1024, found an empty text"),
            ("train --nvtx all", "--nvtx: expected phases or nodes, found all"),
            ("verify --device tpu", "--device: expected cpu or cuda, found tpu")]:
        case(f"a wrong value: {line}", 2, f"brink: {said} (`brink {line.split()[0]} --help` lists the options)", *line.split(" "))
    for name in ["train", "verify", "fork", "measure", "spectrum", "report", "walk", "data", "info"]:
        tags = re.findall(r"^.*:(?:NONNEGATIVE|POSITIVE|NUMBER|INT in|FLOAT in|\{).*$", call(name, "--help")[1], re.M)
        cases.check(f"help of {name} has no tags of the library", tags)

    (here / "wrong.toml").write_text("[training]\nlerning_rate = 0.1\n")
    case("wrong config", 2, "brink: wrong.toml:2:1: unknown key training.lerning_rate; the nearest is training.learning_rate",
         "train", "wrong.toml")
    case("wrong config, dry run", 2, "", "train", "--dry-run", "wrong.toml")
    case("missing config", 2, "brink: none.toml: the config file cannot be read: No such file or directory", "train", "none.toml")
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
    (here / "taken" / "notes").touch()
    case("an existing folder", 73, "brink: taken exists already and is neither empty nor a run of brink; choose another --out", "train",
         "--out", "taken")

    plain = call("train", "--dry-run", folder=temporary)
    for name, environment in {"decimal comma": {"LC_ALL": "de_DE.UTF-8"}, "time zone": {"TZ": "Pacific/Chatham"}}.items():
        same = call("train", "--dry-run", folder=temporary, environment=environment) == plain and plain[0] == 0
        cases.check(f"dry run, {name}", [] if same else [f"{name}: the output differs"])
    case("a dry run in one line of text", 0, "", "train", "--dry-run", "--set", "data.directory=ü ö", "--set",
         "data.name=fmnist4", in_output='directory = "ü ö"')

    run = ["train", "--threads", "2", "--set", "training.steps=2", "--set", "data.train=400", "--set", "data.test=40"]
    case("a run", 0, "", *run, "--out", "plain")
    (here / "empty").mkdir()
    case("a run with a trace", 0, "", *run, "--out", "watched", "--trace", "trace.json", in_output="trace: trace.json")
    same = (here / "plain" / "metrics.csv").read_bytes() == (here / "watched" / "metrics.csv").read_bytes()
    cases.check("a trace changes no number", same and (here / "plain" / "metrics.csv").stat().st_size > 300)
    for name, environment in {"LC_ALL=C": {"LC_ALL": "C"}, "a Latin-1 locale": {"LC_ALL": "", "LANG": "de_DE.ISO-8859-1"}}.items():
        status, said, wrong = call(*run, "--out", f"in {name}", folder=temporary, environment=environment)
        same = (here / "plain" / "metrics.csv").read_bytes() == (here / f"in {name}" / "metrics.csv").read_bytes()
        cases.check(f"{name}: ASCII, and the same numbers", status == 0 and said.isascii() and "lambda_1" in said and same and not wrong)
    status, said, wrong = call(*run, "--out", "quiet", "--quiet", folder=temporary)
    same = (here / "plain" / "metrics.csv").read_bytes() == (here / "quiet" / "metrics.csv").read_bytes()
    cases.check("quiet says nothing, and gives the same numbers", status == 0 and said + wrong == "" and same)
    status, said, wrong = call(*run, "--out", "quiet and doubtful", "--quiet", "--set", "measure.tolerance=1e-9", folder=temporary)
    cases.check("quiet still warns, on standard error", status == 0 and said == "" and wrong.startswith("warning: measure.tolerance"))
    trace = json.loads((here / "trace.json").read_text())["traceEvents"]
    seen = {e["name"] for e in trace if e["ph"] == "X"}
    expected = {f"dense{i} matmul add_row relu" for i in range(4)} | {"dense4 matmul add_row"}
    expected |= {f"dense{i} weight_gradient backward" for i in range(5)} | {"step", "recurrence and sweep"}
    cases.check("a trace names all layers", sorted(expected - seen))
    cases.rejects("a trace names all layers", sorted({"dense5 matmul add_row"} - seen))
    # Residuals are kept as memory allows, and the system's peak shows it: without a limit it is higher. The bytes of these
    # 9,000 pictures, kept beside the arrays, would exceed it.
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
    case("an existing empty folder", 0, "", *run, "--out", "empty")
    same = (here / "empty" / "metrics.csv").read_bytes() == (here / "plain" / "metrics.csv").read_bytes()
    cases.check("it holds the run then", same)
    before = sorted(here.iterdir())
    for option in ["--out", "--trace"]:
        case(f"{option} without a name", 2, "", *run, option, "")
        case(f"{option}= without a name", 2, "", *run, f"{option}=")
    for arguments in [["train", ""], ["report", ""], ["report", "plain", "--out", ""], ["verify", ""], ["verify", "--reference", ""],
                      ["data", "list", "--directory", ""]]:
        case(f"an empty name: {' '.join(arguments)}", 2, "", *arguments)
    cases.check("nothing was made without a name", sorted(here.iterdir()) == before)
    case("a flag given twice", 2, "", *run, "--threads", "1", "--threads", "2")
    case("a trace that cannot be written", 4, "brink: none/trace.json: expected a folder none, found none; make it, or choose another "
         "name", *run, "--out", "other", "--trace", "none/trace.json")
    case("a report below a file", 2, "brink: wrong.toml/r.html: expected a folder wrong.toml, found a file in its place; choose another "
         "name", "report", "plain", "--out", "wrong.toml/r.html")
    case("a report below a file's name", 2, "brink: wrong.toml/a/r.html: expected a folder wrong.toml/a, found a file in its place; "
         "choose another name", "report", "plain", "--out", "wrong.toml/a/r.html")
    case("a report in the place of a folder", 4, "brink: taken: expected the name of a file, found a folder; name a file in it", "report",
         "plain", "--out", "taken")
    case("a run that is not there", 3, "brink: none: expected the folder of a run, found nothing; check the path", "verify", "none")
    case("a file in the place of a run", 3, "brink: wrong.toml: expected the folder of a run, found a file; check the path", "verify", "wrong.toml")
    os.mkfifo(here / "pipe")
    case("a trace in the place of a pipe", 4, "brink: pipe: expected a regular file or a new name, found something else", *run, "--out",
         "other", "--trace", "pipe")
    cases.check("the pipe is still one", (here / "pipe").is_fifo())
    cases.check("then the run did not begin", not (here / "other").exists())
    small = ["train", "--threads", "1", "--set", "model.name=dln", "--set", "training.steps=300"]
    found = call(folder=temporary, shell='ulimit -f 160; "$BRINK" ' + " ".join([*small, "--out late --trace late.json"]))
    cases.check("a disk that fills while the trace is written",
                expect("a full disk", found, 4, "brink: ./late.json: write: File too large"))
    whole = (here / "late" / "metrics.csv").read_text().count("\n") == 302
    cases.check("then the run is there and the trace is empty",
                whole and json.loads((here / "late.json").read_text()) == {"traceEvents": []})
    case("a run to resume that does not exist", 2, "brink: absent: --resume: there is no such run: expected a folder with "
         "config.toml, or the settings of a new run, CONFIG.toml or --set; check --out", "train", "--resume", "--out", "absent")
    cases.check("it is not made", not (here / "absent").exists())
    case("two who watch", 2, "", *run, "--out", "other", "--trace", "t.json", "--nvtx", "phases")
    case("unknown ranges", 2, "", *run, "--nvtx", "everything")

    # What was not measured is reported so, what is not certified is marked, and the count states its interval.
    def said_by(folder, *sets):
        """The lines of a short run: 30 steps, unless `sets` say otherwise."""
        settings = dict(s.split("=", 1) for s in ["training.steps=30", "data.train=200", "data.test=40", "model.hidden=[8]",
                                                  "training.learning_rate=0.5", *sets])
        sets = [x for key, value in settings.items() for x in ("--set", f"{key}={value}")]
        return call(*run[:3], *sets, "--out", folder, folder=temporary)[1].splitlines()

    def unmarked(lines):
        """Lines that show λ₁ without saying that it is not certified."""
        return [line for line in lines if line.startswith(("step ", "instability ")) and "λ₁" in line and "not certified" not in line]

    starved, every, blind = said_by("starved", "measure.budget=1"), said_by("every", "measure.every=7"), said_by("blind", "measure.top=0")
    cases.check("λ₁ that is not certified is marked wherever it is shown",
                unmarked(starved) or any("λ₁" in line for line in starved) or starved)
    cases.rejects("λ₁ that is not certified is marked", unmarked(every))
    cases.check("and where instabilities are counted", any(re.match(
        r"instabilities: \d+.*; λ₁ measured at every step, certified at 0 of 31 measured steps", line) for line in starved) or starved)
    cases.check("the measuring interval stands beside the count",
                any(re.match(r"instabilities: \d+.*; λ₁ measured every 7 steps, always certified", line) for line in every) or every)
    cases.check("and beside each instability", all("measured every 7 steps" in line for line in every
                                                   if line.startswith("instability ")) or every)
    cases.check("between measurements λ₁ has its step", all(" at step " in line or int(re.match(r"step (\d+)", line)[1]) % 7 == 0
                                                            for line in every if line.startswith("step ")) or every)
    cases.check("what was not measured is not counted", "instabilities: not measured, because measure.top = 0 leaves out λ₁" in blind
                and not any(re.search(r"instabilities: \d|step.*λ₁", line) for line in blind) or blind)
    counts = {name: json.loads((here / name / "run.json").read_text()) for name in ["starved", "every", "blind"]}
    cases.check("the record says the same", [str(counts)] if [
        (r["instabilities"] is None, r["measured_every"], r["lambda_1_steps"], r["lambda_1_certified_steps"]) for r in counts.values()
        ] != [(False, 1, 31, 0), (False, 7, 5, 5), (True, 1, None, None)] else [])

    # A run without data mentions none, in any file and on any line.
    found = call("train", "--set", "model.name=dln", "--set", "training.steps=3", folder=temporary)
    folders = [path for path in (here / "runs").iterdir() if path.name.startswith("dln-")]
    stated = found[1] + "".join(path.read_text() for path in folders[0].iterdir() if path.name in ["config.toml", "run.json"])
    cases.check("a model without data states none", [stated] if re.search(r"synthetic|\bsamples?\b|checksum", stated) else [])
    cases.rejects("a model without data states none", re.findall(r"synthetic|\bsamples?\b|checksum", (here / "plain" / "config.toml").read_text()))
    case("it refuses data", 2, 'brink: --set data.train=400: data.train: has no meaning for model.name = "dln"', "train", "--set",
         "model.name=dln", "--set", "data.train=400")

    # The plan counts the blocks that run: 1,010 samples in ghost groups of 32, at most three of them at a time, cut where sums are
    # joined. By hand: ten times 64 and 32, and then 32 and the last 18 as one block.
    def planned(line):
        """(blocks, samples) that a plan names, and the (blocks, samples) of its parts added up"""
        blocks, rest = re.match(r"plan: (\d+) blocks?(?:: | of )([^;]*);", line).groups()
        parts = [(int(n), int(size)) for n, size in re.findall(r"(\d+) of (\d+)", rest)] or [(int(blocks), int(rest.split()[0]))]
        return int(blocks), parts, sum(n for n, _ in parts), sum(n * size for n, size in parts)

    plan = call("train", "--chunk", "96", *[x for s in ["data.name=synthetic-cifar", "data.train=1010", "data.test=10",
                "model.name=vgg", "model.channels=[2]", "model.ghost_batch=32", "training.steps=0", "measure.budget=2"] for x in
                ("--set", s)], "--out", "chunks", folder=temporary)[1].splitlines()[0]
    cases.check("a plan says what will run", planned(plan) == (21, [(10, 64), (1, 50), (10, 32)], 21, 1010) or [plan])
    cases.rejects("a plan says what will run", [] if planned("plan: 21 blocks of 64 samples;")[3] == 1010 else ["1344"])
    whole = next(line for line in said_by("one", "data.train=8") if line.startswith("plan"))
    cases.check("a plan of one size names it once", whole.startswith("plan: 1 block of 8 samples; ") or [whole])

    # A tolerance below what the precision can give draws a warning; one that it can just give does not.
    def warned(precision, tolerance):
        lines = said_by(f"{precision} {tolerance}", f"run.precision={precision}", f"measure.tolerance={tolerance}",
                        "training.steps=3", "training.learning_rate=0.1", "measure.budget=100")
        return [line for line in lines if "measure.tolerance =" in line], any("always certified" in line for line in lines)

    cases.check("float32 cannot give 1e-8", "below what float32 can give, a relative residual of about 1.2e-07" in
                "".join(warned("float32", "1e-8")[0]))
    cases.check("float64 can, and does", warned("float64", "1e-8") == ([], True))
    cases.check("float64 cannot give 1e-15", "below what float64 can give, a relative residual of about 2.2e-15" in
                "".join(warned("float64", "1e-15")[0]))
    cases.check("what float32 can just give is certified", warned("float32", "1.2e-7") == ([], True))
    cases.check("what float64 can just give is certified", warned("float64", "2.3e-15") == ([], True))

    # A network without hidden layers is a linear model: 784 · 4 weights and 4 biases.
    linear = said_by("linear", "model.hidden=[]", "training.steps=5")
    cases.check("a linear model", any(line.startswith("plan: 2 blocks: 1 of 128 samples, 1 of 72; residuals kept") for line in linear)
                and any("always certified" in line for line in linear) or linear)
    cases.check("its parameters", json.loads((here / "linear" / "run.json").read_text())["parameters"] == 784 * 4 + 4)
    case("its run recomputed", 0, "", "verify", "linear")
    case("its report", 0, "", "report", "linear")

    table = (here / "linear" / "metrics.csv").read_text().splitlines()
    cells = table[2].split(",")
    cells[table[0].split(",").index("loss")] = "abc"
    (here / "linear" / "metrics.csv").write_text("\n".join([*table[:2], ",".join(cells), *table[3:]]) + "\n")
    case("a report of damaged rows warns", 0, "warning: linear/metrics.csv: line 3, column loss: expected a number, found \"abc\"; "
         "the cell is left out", "report", "linear", in_output="linear/report.html")

    # A killed run has written everything that was decided: every event, and every step up to it.
    killed = here / "killed"
    long_run = subprocess.Popen([brink, *run[:3], *[x for s in ["training.steps=1000000", "training.learning_rate=0.5", "data.train=200",
                                "data.test=40", "model.hidden=[8]"] for x in ("--set", s)], "--out", "killed"], cwd=here,
                                stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    events, patience = "", time.monotonic() + 60
    while events.count("\n") < 2 and time.monotonic() < patience:
        time.sleep(0.01)
        events = (killed / "events.csv").read_text() if (killed / "events.csv").exists() else ""
    for number in [signal.SIGINT, signal.SIGTERM]:
        page = here / "killed" / "report.html"
        page.unlink(missing_ok=True)
        watching = subprocess.Popen([brink, "report", "killed", "--watch"], cwd=here, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        said = watching.stdout.readline()
        watching.send_signal(number)
        left = [watching.wait(), page.read_text().rstrip().endswith("</html>"), list((here / "killed").glob("report.html.tmp*"))]
        cases.check(f"{number.name} ends who watches, with a whole page", "open it in a browser" in said and left == [-number, True, []] or [str(left)])
    long_run.kill()
    long_run.wait()

    def undecided(events, metrics):
        """Complaints, unless the files hold at least one event and all steps up to its end."""
        events, metrics = list(csv.DictReader(events.splitlines())), list(csv.DictReader(metrics.splitlines()))
        last = max([int(e["resolution"]) for e in events], default=0)
        return [] if events and len(metrics) > last else [f"{len(events)} events, {len(metrics)} rows, {last} steps"]

    metrics = (killed / "metrics.csv").read_text()
    cases.check("a killed run keeps its events and its steps", undecided(events, metrics))
    cases.rejects("a killed run keeps its events", undecided(events.split("\n")[0], metrics))
    cases.rejects("a killed run keeps its steps", undecided(events, metrics.split("\n")[0]))
    record = json.loads((killed / "run.json").read_text())
    cases.check("its record claims nothing that was not known", record["status"] == "running" and record["steps_done"] is None
                and record["ended"] is None or [str(record)])
    case("a report of a killed run", 0, "", "report", "killed")
    cases.check("it shows the events", "no events recorded" not in (killed / "report.html").read_text())
    (killed / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))
    case("who watches an interrupted run comes to an end", 0, shell='timeout 60 "$BRINK" report killed --watch',
         in_output="no run is going on; the page is complete")

    case("closed standard output", 0, shell='"$BRINK" info >&-')
    case("a reader that leaves", 0, shell='set -o pipefail; "$BRINK" train --dry-run | true')
    case("a full standard output", 4, "brink: standard output: write: No space left on device", shell='"$BRINK" info >/dev/full')
    case("no descriptor at all", 2, shell='"$BRINK" train wrong.toml <&- >&- 2>&-')
    cases.check("wrong.toml is as it was",
                [] if (here / "wrong.toml").read_text().startswith("[training]") else ["messages were written into a file"])
    case("report of nothing", 3, "", "report", "taken")
cases.close()
