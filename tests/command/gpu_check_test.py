# SPDX-License-Identifier: MIT
"""tools/gpu_check without a GPU: with scripts that play good and bad programs, drivers and tools, as an archive on "another
machine", and once with brink's own programs linked with the emulator.
usage: gpu_check_test.py BUILD
"""

import ast

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

build = pathlib.Path(sys.argv[1]).resolve()
cases = Cases()
PARTS = ["rows", "whole", "runs", "sanitizers", "products", "vectors", "trace"]

# The environment says what a program plays: PLAY_DEVICE=bad and so on. `out` is the argument of --out.
COMMON = f"""#!{sys.executable}
import json, os, pathlib, sys, time
play = lambda name: os.environ.get("PLAY_" + name, "good")
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1]) if "--out" in sys.argv else None
"""
CLOSING = "[doctest] test cases:  1 |  {} passed | {} failed | 5 skipped"
DEVICE = COMMON + f"""
how = play("DEVICE")
if how == "crash":
    os.kill(os.getpid(), 11)
if how == "hang":
    time.sleep(60)
if how == "skip":
    print("../tests/device/gpu.h:22: MESSAGE: [skip] rows: no code for this GPU")
if how == "bad then hang":
    print("../tests/device/rows_test.cpp:45: ERROR: matmul/3/float32: other bits than the plain loops'", flush=True)
    time.sleep(60)
if how == "bad" and any("rows" in a or "few sizes" in a for a in sys.argv):
    print("../tests/device/rows_test.cpp:45: ERROR: matmul/3/float32: other bits than the plain loops'")
    print("{CLOSING.format(0, 1)}")
    sys.exit(1)
pathlib.Path(os.environ.get("BRINK_DEVICE_DIGESTS", os.devnull)).open("a").write("0123,row matmul/3/float32\\n")
print("compared 912 rows, sizes and types\\n{CLOSING.format(1, 0)}")
"""
BRINK = COMMON + """
if sys.argv[1] == "verify":
    sys.exit(0)
if "vendor" in sys.argv and play("CUBLAS") == "absent":
    print('brink: run.arithmetic = "vendor": cuBLAS cannot be opened (libcublas.so.13: no such file)')
    sys.exit(6)
if "cuda" in sys.argv and play("BRINK") == "refused":
    print("brink: run.device = cuda: no")
    sys.exit(6)
if "cuda" in sys.argv and play("BRINK") == "hang":
    time.sleep(60)
out.mkdir(parents=True)
if "--trace" in sys.argv and play("BRINK") != "no trace":
    pathlib.Path(sys.argv[sys.argv.index("--trace") + 1]).write_text('{"traceEvents": [{"name": "step"}]}')
loss = ["0.5", "0.25"] if not ("cuda" in sys.argv and play("BRINK") == "bad") else ["0.5", "0.25000001"]
(out / "metrics.csv").write_text("step,loss,digest\\n" + "".join(f"{i},{x},d{i}\\n" for i, x in enumerate(loss)))
"""
BENCH = COMMON + """
ratio = 0.5 if play("BENCH") == "slow" else 1.5
product = {"role": "forward", "m": 64, "k": 64, "n": 64, "flop": 524288.0, "timings": [{"name": "brink", "us": 1, "tflops": 0.5}]}
both = {**product, "speed_over_yardstick": {"median": ratio}}
gpu = {"cublas": "cuBLAS 13.1.0", "results": [{**both, "note": "large square"}, {**both, "note": "W1, head"},
                                              {**product, "note": "narrow head"}]}
if play("BENCH") == "no cublas":
    gpu = {"cublas": "not used: cannot be opened", "results": [{**product, "note": "large square"}]}
if "vectors" in sys.argv[0]:
    gpu = {"results": [{"name": "copy", "gb_per_s": 3000.0}]}
out.write_text(json.dumps({"gpu": gpu}))
"""
SANITIZER = COMMON + f"""
how, tool = play("SANITIZER"), sys.argv[sys.argv.index("--tool") + 1]
print("========= COMPUTE-SANITIZER")
if how == "unsupported":
    print("========= Error: Device not supported. Please refer to the documentation")
    sys.exit(1)
if how == "blind" and "wrong" in sys.argv[-1]:
    print("========= ERROR SUMMARY: 0 errors")
    sys.exit(0)
if "wrong" in sys.argv[-1]:
    print("========= ERROR SUMMARY: 1 error")
    sys.exit(99)
if how == tool:
    print("========= Invalid __global__ write of size 4 bytes\\n=========     at matmul_kernel+0x10\\n========= ERROR SUMMARY: 1 error")
    sys.exit(99)
if how == "silent":
    sys.exit(0)
print("{CLOSING.format(1, 0)}")
if how == "late" and sys.argv[-1] in ("-tc=rows*", "-tc=fresh memory of all sizes*"):
    time.sleep(60)
print("========= " + ("RACECHECK SUMMARY: 0 hazards displayed (0 errors)" if tool == "racecheck" else "ERROR SUMMARY: 0 errors"))
"""
NSYS = COMMON + """
if play("NSYS") == "broken":
    print("the report could not be made")
    sys.exit(1)
pathlib.Path(sys.argv[sys.argv.index("-o") + 1] + ".nsys-rep").write_text("a timeline")
"""
WORKER = COMMON + "sys.exit(0)"
SMI = COMMON + """
if play("SMI") == "broken":
    print("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    sys.exit(9)
print("NVIDIA H200, 580.159.04, 9.0, 143771, 1980, 3201, 1980, 3201, 40, 120.5")
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def schema_complaints(data):
    """The contents of the JSON on which a reader may rely (docs/gpu.md)."""
    wanted = {"schema": int, "tool": str, "started": str, "emulated": bool, "machine": dict, "parts": list, "passed": int, "failed": int,
              "not_run": int, "left_out": list, "seconds": float}
    for key, kind in wanted.items():
        if not isinstance(data.get(key), kind):
            yield f"{key}: {data.get(key)!r}"
    if not {"gpu", "system", "python"} <= data["machine"].keys():
        yield f"machine: {data['machine']}"
    for part in data["parts"]:
        if set(part) != {"name", "budget_s", "seconds", "checks", "figures"}:
            yield f"part: {sorted(part)}"
        if not part["checks"]:
            yield f"{part['name']}: no check"
        for check in part["checks"]:
            if set(check) != {"name", "status", "why", "seconds"} or check["status"] not in ("passed", "failed", "not run"):
                yield f"{part['name']}: {check}"
            if check["status"] != "passed" and not check["why"]:
                yield f"{part['name']}: {check['name']} {check['status']} without a reason"


FAKES = {"tests/emulator/test_device": DEVICE, "tools/brink": BRINK, "bench/perf/matmul": BENCH, "bench/perf/vectors": BENCH,
         "bench/perf/worker": WORKER}

for source in [ROOT / "tools" / "gpu_check", *sorted((ROOT / "tools" / "lib" / "gpu").glob("*.py"))]:
    try:
        ast.parse(source.read_text(), feature_version=(3, 8))
        complaints = []
    except SyntaxError as error:
        complaints = [f"{source.name}:{error.lineno}: {error.msg}"]
    cases.check(f"{source.name} is Python 3.8", complaints)

with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)
    for name, text in FAKES.items():
        program(here / "build" / name, text)
    program(here / "bin" / "nvidia-smi", SMI)
    program(here / "bin" / "compute-sanitizer", SANITIZER)
    program(here / "bin" / "nsys", NSYS)

    def clean(path, environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PLAY_", "BRINK_", "CUDA_", "VIRTUAL_ENV"))}
        return {**kept, "PATH": str(here / path), **(environment or {})}

    folders = []

    def check(*arguments, path="bin", environment=None, parts=PARTS, given=True, command=None):
        """(status, JSON, what was printed); the results are in the last of `folders`."""
        out = pathlib.Path(tempfile.mkdtemp(dir=here))
        folders.append(out)
        done = subprocess.run([*(command or [sys.executable, str(ROOT / "tools" / "gpu_check")]), "--out", str(out),
                               *(["--build", str(here / "build")] if given else []), *arguments, *parts], capture_output=True, text=True,
                              env=clean(path, environment), stdin=subprocess.DEVNULL)
        file = out / "gpu_check.json"
        return done.returncode, json.loads(file.read_text()) if file.exists() else None, done.stdout + done.stderr

    def expect(name, found, status, *expected):
        """expected: "status: a part of name and reason" of a check that must be there."""
        code, data, said = found
        complaints = [] if code == status else [f"status {status} expected, {code} found: {said[-800:]}"]
        if data is not None:
            complaints += schema_complaints(data)
            lines = [f"{c['status']}: {c['name']}: {c['why']}" for p in data["parts"] for c in p["checks"]]
            complaints += [f"no check says {text!r}: {lines}" for text in expected
                           if not any(line.startswith(text.split(": ", 1)[0]) and text.split(": ", 1)[1] in line for line in lines)]
            counts = f"{data['passed']} passed, {data['failed']} failed, {data['not_run']} not run"
            if said.strip().splitlines()[-1] != counts:
                complaints.append(f"the last line is not {counts!r}")
        elif expected:
            complaints.append(f"no JSON: {said[-800:]}")
        cases.check(name, complaints)
        return data

    # What is found.
    data = expect("no driver", check(path="nothing", parts=[]), 0, "not run: rows: nvidia-smi is not on the PATH",
                  "not run: peers: nvidia-smi", "not run: sanitizers: nvidia-smi")
    cases.check("no driver: nothing ran", data["passed"] == data["failed"] == 0 and data["not_run"] == len(data["parts"]) == 9)
    cases.check("bits first, peers last but for pictures", [p["name"] for p in data["parts"]] == [*PARTS, "peers", "pictures"])
    data = expect("all parts with the time of a whole call", check(environment={"PLAY_DEVICE": "skip"}, parts=[]), 0, "not run: rows: no code")
    budgets = {p["name"]: p["budget_s"] for p in data["parts"]}
    cases.check("rows have 60 of 400 s, and the last part ends 20 s before", 58 < budgets["rows"] <= 60 and
                [budgets["pictures"] + sum(p["seconds"] for p in data["parts"][:-1]) <= 381] == [True] or [str(budgets)])
    expect("a driver that does not answer", check(environment={"PLAY_SMI": "broken"}), 0,
           "not run: rows: nvidia-smi says: NVIDIA-SMI has failed")

    data = expect("all good", check(), 0, "passed: rows: 912 compared", "passed: whole computations", "passed: 1 steps: digests",
                  "passed: brink verify", "passed: vendor arithmetic", "passed: memcheck, few sizes", "passed: racecheck, few sizes",
                  "passed: tiles", "passed: initcheck, control", "passed: initcheck, all sizes", "passed: products", "passed: vectors",
                  "passed: brink's trace", "passed: timeline of Nsight Systems")
    cases.check("all good: only the preparing machine is missing", data["failed"] == 0 and data["not_run"] == 1)
    figures = {p["name"]: p["figures"] for p in data["parts"]}
    cases.check("the GPU and its clocks are written down", data["machine"]["gpu"]["name"] == "NVIDIA H200" and
                data["machine"]["gpu"]["driver_version"] == "580.159.04" and figures["products"]["clocks"]["clocks.sm"]["most"] == 1980)
    cases.check("bars", [b["met"] for b in figures["products"]["bars"]] == [True, True])
    results = folders[-1]
    cases.check("digests of rows and steps",
                re.search(r"0123,row matmul/3/float32\n(.*\n)*d1,run step 1\n", (results / "digests.csv").read_text()) is not None)
    with tarfile.open(results.with_name(results.name + ".tar.gz")) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
        packed = json.load(archive.extractfile(f"{results.name}/gpu_check.json"))
    wanted = {"gpu_check.json", "digests.csv", "trace.json", "timeline.nsys-rep", "rows-0.log", "run-gpu/metrics.csv", "products.json"}
    cases.check("the results are one archive", sorted(wanted - names))
    cases.check("the archive has the last state", packed == data)

    bad = check(environment={"PLAY_DEVICE": "bad"})
    expect("a comparison that fails", bad, 1, "failed: rows: matmul/3/float32: other bits than the plain loops'", "passed: products")
    cases.check("a failed comparison is printed", "failed  rows: matmul/3/float32" in bad[2])
    expect("a run that differs", check(environment={"PLAY_BRINK": "bad"}), 1,
           "failed: 1 steps: digests and every other number of the GPU's run are the CPU's: row 2, column loss: 0.25 on the CPU, 0.2500")
    expect("a run that is refused", check(environment={"PLAY_BRINK": "refused"}), 1, "failed: run on the GPU: status 6: brink: run.device")
    expect("a crash", check(environment={"PLAY_DEVICE": "crash"}), 1, "failed: rows: ended by signal 11")
    expect("a case that skips itself", check(environment={"PLAY_DEVICE": "skip"}), 0, "not run: rows: no code for this GPU")
    for tool in ["memcheck", "racecheck", "synccheck", "initcheck"]:
        expect(f"{tool} finds something", check(environment={"PLAY_SANITIZER": tool}, parts=["sanitizers"]), 1,
               f"failed: {tool}, few sizes: Invalid __global__ write of size 4 bytes")
    expect("a sanitizer that says nothing", check(environment={"PLAY_SANITIZER": "silent"}, parts=["sanitizers"]), 1,
           "failed: memcheck, few sizes: no summary")
    expect("a sanitizer that sees nothing", check(environment={"PLAY_SANITIZER": "blind"}, parts=["sanitizers"]), 1,
           *(f"failed: {tool}, control: a wrong kernel is reported: status 99 expected, 0 found" for tool in ["memcheck", "racecheck", "initcheck"]))
    data = expect("a figure below its bar is written down, not failed", check(environment={"PLAY_BENCH": "slow"}, parts=["products"]), 0)
    cases.check("bars that are not met", [b["met"] for b in data["parts"][0]["figures"]["bars"]] == [False, False])

    # Time: a check that does not fit is cut, is not run, and takes no time from the next part.
    begun = time.monotonic()
    data = expect("a program that hangs", check("--limit-s", "6", environment={"PLAY_DEVICE": "hang"}, parts=["rows", "whole", "vectors"]), 0,
                  "not run: tiles: no time is left in this part",
                  "not run: rows: cut after 3 s: the time of this part was over; 0 comparisons had passed", "not run: whole computations: cut after 2 s", "passed: vectors")
    cases.check("a program that hangs: the whole took what was allowed", time.monotonic() - begun < 9)
    expect("a program that finds something and hangs", check("--limit-s", "2", environment={"PLAY_DEVICE": "bad then hang"}, parts=["rows"]), 1,
           "failed: rows: matmul/3/float32: other bits than the plain loops'")
    expect("a run that hangs", check("--limit-s", "2", environment={"PLAY_BRINK": "hang"}, parts=["runs"]), 0,
           "not run: run on the GPU: cut after")
    expect("no time", check("--limit-s", "0.1", parts=["rows"]), 0, "not run: rows: no time is left")
    expect("all sizes take too long", check("--limit-s", "6", environment={"PLAY_SANITIZER": "late"}, parts=["sanitizers"]), 0,
           "passed: memcheck, few sizes", "not run: memcheck, all sizes: cut after", "not run: initcheck, all sizes: no time is left")

    # What is missing.
    expect("a sanitizer that cannot", check(environment={"PLAY_SANITIZER": "unsupported"}, parts=["sanitizers"]), 0,
           "not run: memcheck, few sizes: compute-sanitizer does not support this machine")
    (here / "without").mkdir()
    (here / "without" / "nvidia-smi").symlink_to(here / "bin" / "nvidia-smi")
    poor = {"PLAY_NSYS": "broken", "PLAY_BRINK": "no trace"}
    expect("a profiler that fails is not brink's fault; a trace that is not written is", check(environment=poor, parts=["trace"]), 1,
           "failed: brink's trace of a run: no trace was written", "not run: timeline of Nsight Systems: status 1: the report could not")
    if not any(pathlib.Path("/").glob("usr/local/cuda*")):
        expect("no tools", check(path="without", parts=["sanitizers", "trace"]), 0, "not run: sanitizers: compute-sanitizer is neither on",
               "not run: timeline of Nsight Systems: nsys is neither on")
    expect("nothing to build with", check(path="without", given=False, parts=["rows"]), 1,
           "failed: tools to build with: meson, ninja, c++, nvcc not on the PATH: build elsewhere", "not run: rows: brink was not built")
    program(here / "poor" / "meson", COMMON + """print('../meson.build:39:2: ERROR: Dependency "tomlplusplus" not found')\nsys.exit(1)\n""")
    for name in ["ninja", "nvcc", "c++"]:
        program(here / "poor" / name, "#!/bin/sh\n")
    (here / "poor" / "nvidia-smi").symlink_to(here / "bin" / "nvidia-smi")
    expect("a package is missing", check(path="poor", given=False, parts=["rows"]), 1,
           'failed: configure: ../meson.build:39:2: ERROR: Dependency "tomlplusplus" not found')
    expect("no cuBLAS", check(environment={"PLAY_CUBLAS": "absent", "PLAY_BENCH": "no cublas"}), 0,
           "not run: vendor arithmetic: the same bits twice, the exact loss nearly: brink: run.arithmetic",
           "not run: products beside cuBLAS: not used: cannot be opened")
    (here / "build" / "bench" / "perf" / "vectors").rename(here / "vectors")
    expect("a program is missing", check(parts=["vectors"]), 0, "not run: vectors: there is no bench/perf/vectors in")
    (here / "vectors").rename(here / "build" / "bench" / "perf" / "vectors")
    cases.check("an unknown part", check(parts=["rwos"])[0] == 2)

    # The archive for a machine that can build nothing.
    def prepare(build_folder, *arguments, environment=None):
        out = pathlib.Path(tempfile.mkdtemp(dir=here))
        done = subprocess.run([sys.executable, str(ROOT / "tools" / "gpu_check"), "--prepare", "--out", str(out), "--build", str(build_folder),
                               *arguments], capture_output=True, text=True, env={**os.environ, **(environment or {})})
        archive = out / "brink-gpu-check.tar.gz"
        return done.returncode, archive if archive.exists() else None, done.stdout + done.stderr

    status, archive, said = prepare(here / "build", "--arch", "90")
    cases.check("prepare", status == 0 and archive is not None and "MiB; needs" in said or [said[-800:]])
    with tarfile.open(archive) as packed:
        packed.extractall(here / "there")
    there = here / "there" / "brink-gpu-check"
    wrong = [str(path) for path in there.rglob("*") if path.suffix in (".o", ".cpp", ".h", ".cu", ".a", ".build")]
    cases.check("prepare: no source and no object travels", wrong)
    start = [str(there / "start")]
    for name in ["sh", "dirname"]:
        (here / "bin" / name).symlink_to(shutil.which(name))
    (here / "bin" / "python3").symlink_to(sys.executable)
    data = expect("the archive on the other machine", check(command=start, given=False), 0, "passed: the programs can run here", "passed: digests of the preparing machine",
                  "passed: 1 steps: digests", "passed: brink's trace")
    cases.check("the archive on the other machine: all of it ran", data["failed"] == data["not_run"] == 0 and data["parts"][0]["name"] == "archive")
    cases.check("the archive says its commit", data["commit"] is not None or not (ROOT / ".git").exists())
    about = json.loads((there / "prepared.json").read_text())

    def tampered(**changes):
        (there / "prepared.json").write_text(json.dumps({**about, **changes}))
        found = check(command=start, given=False, parts=["rows", "runs"])
        (there / "prepared.json").write_text(json.dumps(about))
        return found

    expect("a wrong digest", tampered(digests=[about["digests"][0], "ffff,run step 1"]), 1,
           "failed: digests of the preparing machine are this processor's: d1,run step 1 here, ffff,run step 1 there")
    expect("a digest is missing", tampered(digests=about["digests"][:1]), 1, "failed: digests of the preparing machine")
    expect("a file that changed on the way", tampered(files={**about["files"], "tools/brink": "0" * 64}), 1,
           "failed: files are as they were packed", "not run: rows: the programs of this archive cannot be used here")
    expect("an older C library", tampered(glibc=[2, 999]), 0, "not run: the programs can run here: they need glibc 2.999 or newer, this system has",
           "not run: rows: the programs of this archive")
    expect("another processor", tampered(processor="riscv64"), 0, "not run: the programs can run here: they are for riscv64")
    expect("an older GPU", tampered(architecture="100"), 0,
           "not run: the programs can run here: they are for GPUs of architecture 100, this one has 90: prepare with --arch 90")
    found = subprocess.run(start, capture_output=True, text=True, env={**clean("bin", None), "PYTHON": "/nowhere/python3"})
    cases.check("no Python", found.returncode == 2 and "is not there or is older than Python 3.8; name another one: PYTHON=" in found.stderr
                or [found.stderr])

    program(here / "large" / "tools" / "brink", BRINK)
    for name, text in FAKES.items():
        program(here / "large" / name, text)
    (here / "large" / "bench" / "perf" / "worker").write_bytes(os.urandom(41 << 20))
    status, archive, said = prepare(here / "large")
    cases.check("an archive over the limit is refused, with the sizes", status == 1 and archive is None and "and 40 are allowed" in said
                and re.search(r"41\.00 MiB  bench/perf/worker", said) is not None or [said[-800:]])
    (here / "large" / "bench" / "perf" / "worker").unlink()
    status, archive, said = prepare(here / "large")
    cases.check("a program that is not built is refused", status == 1 and archive is None and "bench/perf/worker: build it first" in said
                or [said[-800:]])
    linked = next((path for path in [build / "tools" / "brink"] if path.exists()), None)
    needs_more = linked and "libfmt" in subprocess.run(["ldd", str(linked)], capture_output=True, text=True).stdout
    if needs_more:
        (here / "large" / "bench" / "perf" / "worker").symlink_to(linked)
        status, archive, said = prepare(here / "large")
        cases.check("a program that needs more than the C library is refused", status == 1 and archive is None and
                    re.search(r"needs .*libfmt\.so.*which the other machine may lack", said) is not None or [said[-800:]])
    else:
        cases.skip("a program that needs more than the C library", "this build's brink needs no other library")

    # The largest file of the results is left out of their archive if that would be too large.
    program(here / "build" / "tools" / "brink", BRINK + "\n(out / 'theta.bin').write_bytes(os.urandom(20 << 20) if 'cuda' in sys.argv else b'0')\n")
    data = expect("results over the limit of their archive", check(parts=["trace"]), 0, "passed: brink's trace")
    cases.check("what is left out is listed", data["left_out"] == ["run-trace/theta.bin"] or [str(data["left_out"])])

    # The programs themselves, on the emulated GPU: they accept every argument that gpu_check passes.
    if not (build / "tests" / "emulator" / "brink_emulated").exists():
        cases.skip("emulated", "this build has no emulated programs")
    else:
        parts = ["rows", "whole", "runs", "trace", "pictures"]
        if (build / "tests" / "emulator" / "matmul_emulated").exists():
            parts[3:3] = ["products", "vectors", "peers"]
        found = check("--build", str(build), "--emulated", parts=parts, given=False, path="bin",
                      environment={"BRINK_CUBLAS": str(build / "tests" / "emulator" / "libfake_cublas.so")})
        data = expect("emulated", found, 0, "passed: rows: ", "passed: whole computations", "passed: 2 steps: digests",
                      "passed: brink verify RUN --device cuda", "passed: brink verify --device cuda", "passed: vendor arithmetic",
                      "passed: brink's trace", *(["passed: products", "passed: vectors"] if "products" in parts else []))
        if "products" in parts:
            ratios = [b for p in data["parts"] for b in p["figures"].get("bars", [])]
            cases.check("emulated: ratios to the library that stands in for cuBLAS", len(ratios) >= 4)
cases.close()
