# SPDX-License-Identifier: MIT
"""What it is: tools/gpu_check without a GPU: its judgement with programs, a driver and a sanitizer that play good and bad, and once with
brink's own programs linked with the emulator. What it is not: a check of any GPU.
usage: gpu_check_test.py BUILD
"""

import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

build = pathlib.Path(sys.argv[1]).resolve()
cases = Cases()
PARTS = ["rows", "whole", "runs", "products", "vectors", "sanitizers"]

# What a program plays is said by the environment: PLAY_DEVICE=bad and so on. `out` is what follows --out.
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
out.mkdir(parents=True)
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
    """What a reader of the JSON may rely on (docs/gpu.md)."""
    wanted = {"schema": int, "tool": str, "started": str, "emulated": bool, "machine": dict, "parts": list, "passed": int, "failed": int,
              "skipped": int, "seconds": float}
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
            if set(check) != {"name", "status", "why", "seconds"} or check["status"] not in ("passed", "failed", "skipped"):
                yield f"{part['name']}: {check}"
            if check["status"] != "passed" and not check["why"]:
                yield f"{part['name']}: {check['name']} {check['status']} without a reason"


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)
    for name, text in {"tests/emulator/test_device": DEVICE, "tools/brink": BRINK, "bench/perf/matmul": BENCH,
                       "bench/perf/vectors": BENCH}.items():
        program(here / "build" / name, text)
    program(here / "bin" / "nvidia-smi", SMI)
    program(here / "bin" / "compute-sanitizer", SANITIZER)

    def check(*arguments, path="bin", environment=None, parts=PARTS, given=True):
        """(status, JSON, what was printed)"""
        out = pathlib.Path(tempfile.mkdtemp(dir=here))
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PLAY_", "BRINK_"))}
        done = subprocess.run([sys.executable, str(ROOT / "tools" / "gpu_check"), "--out", str(out),
                               *(["--build", str(here / "build")] if given else []), *arguments, *parts], capture_output=True, text=True,
                              env={**clean, "PATH": str(here / path), **(environment or {})}, stdin=subprocess.DEVNULL)
        file = out / "gpu_check.json"
        return done.returncode, json.loads(file.read_text()) if file.exists() else None, done.stdout + done.stderr

    def expect(name, found, status, *expected):
        """expected: "status: a piece of name and reason" of a check that must be there."""
        code, data, said = found
        complaints = [] if code == status else [f"status {status} expected, {code} found: {said[-800:]}"]
        if data is not None:
            complaints += schema_complaints(data)
            lines = [f"{c['status']}: {c['name']}: {c['why']}" for p in data["parts"] for c in p["checks"]]
            complaints += [f"no check says {text!r}: {lines}" for text in expected
                           if not any(line.startswith(text.split(": ", 1)[0]) and text.split(": ", 1)[1] in line for line in lines)]
            counts = f"{data['passed']} passed, {data['failed']} failed, {data['skipped']} skipped"
            if said.strip().splitlines()[-1] != counts:
                complaints.append(f"the last line is not {counts!r}")
        elif expected:
            complaints.append(f"no JSON: {said[-800:]}")
        cases.check(name, complaints)
        return data

    data = expect("no driver", check(path="nothing", parts=[]), 0, "skipped: rows: nvidia-smi is not on the PATH",
                  "skipped: peers: nvidia-smi", "skipped: sanitizers: nvidia-smi")
    cases.check("no driver: nothing ran", data["passed"] == data["failed"] == 0 and data["skipped"] == len(data["parts"]) == 8)
    expect("a driver that does not answer", check(environment={"PLAY_SMI": "broken"}), 0,
           "skipped: rows: nvidia-smi says: NVIDIA-SMI has failed")

    data = expect("all good", check(), 0, "passed: rows: 912 compared", "passed: whole computations", "passed: 1 steps: digests",
                  "passed: brink verify", "passed: vendor arithmetic", "passed: memcheck, few sizes", "passed: racecheck, few sizes", "passed: tiles",
                  "passed: initcheck, control",
                  "passed: initcheck, all sizes", "passed: products", "passed: vectors")
    cases.check("all good: nothing is left out", data["failed"] == data["skipped"] == 0)
    figures = {p["name"]: p["figures"] for p in data["parts"]}
    cases.check("the GPU and its clocks are written down", data["machine"]["gpu"]["name"] == "NVIDIA H200" and
                data["machine"]["gpu"]["driver_version"] == "580.159.04" and figures["products"]["clocks"]["clocks.sm"]["most"] == 1980)
    cases.check("bars", [b["met"] for b in figures["products"]["bars"]] == [True, True])
    digests = next(here.glob("tmp*/run-gpu")).parent / "digests.csv"
    cases.check("digests of rows and steps",
                re.search(r"0123,row matmul/3/float32\n(.*\n)*d1,run step 1\n", digests.read_text()) is not None)

    bad = check(environment={"PLAY_DEVICE": "bad"})
    expect("a comparison that fails", bad, 1, "failed: rows: matmul/3/float32: other bits than the plain loops'", "passed: products")
    cases.check("a failed comparison is printed", "failed  rows: matmul/3/float32" in bad[2])
    expect("a run that differs", check(environment={"PLAY_BRINK": "bad"}), 1,
           "failed: 1 steps: digests and every other number of the GPU's run are the CPU's: row 2, column loss: 0.25 on the CPU, 0.2500")
    expect("a run that is refused", check(environment={"PLAY_BRINK": "refused"}), 1, "failed: run on the GPU: status 6: brink: run.device")
    expect("a crash", check(environment={"PLAY_DEVICE": "crash"}), 1, "failed: rows: ended by signal 11")
    expect("a case that skips itself", check(environment={"PLAY_DEVICE": "skip"}), 0, "skipped: rows: no code for this GPU")
    expect("a program that hangs", check("--part-s", "1.5", environment={"PLAY_DEVICE": "hang"}, parts=["rows"]), 1,
           "failed: rows: did not end within", "skipped: control of the rows: no time is left in this part")
    expect("no time", check("--limit-s", "0.5", parts=["rows"]), 0, "skipped: rows: no time is left")
    for tool in ["memcheck", "racecheck", "synccheck", "initcheck"]:
        expect(f"{tool} finds something", check(environment={"PLAY_SANITIZER": tool}, parts=["sanitizers"]), 1,
               f"failed: {tool}, few sizes: Invalid __global__ write of size 4 bytes")
    expect("a sanitizer that says nothing", check(environment={"PLAY_SANITIZER": "silent"}, parts=["sanitizers"]), 1,
           "failed: memcheck, few sizes: no summary")
    expect("a sanitizer that sees nothing", check(environment={"PLAY_SANITIZER": "blind"}, parts=["sanitizers"]), 1,
           *(f"failed: {tool}, control: a wrong kernel is reported: status 99 expected, 0 found" for tool in ["memcheck", "racecheck", "initcheck"]))
    expect("a sanitizer that cannot", check(environment={"PLAY_SANITIZER": "unsupported"}, parts=["sanitizers"]), 0,
           "skipped: memcheck, few sizes: compute-sanitizer does not support this machine")
    expect("all sizes take too long", check("--part-s", "20", environment={"PLAY_SANITIZER": "late"}, parts=["sanitizers"]), 0,
           "passed: memcheck, few sizes", "skipped: initcheck, all sizes")
    (here / "without").mkdir()
    (here / "without" / "nvidia-smi").symlink_to(here / "bin" / "nvidia-smi")
    expect("no sanitizer", check(path="without", parts=["sanitizers"]), 0, "skipped: sanitizers: compute-sanitizer is not on the PATH")
    expect("nothing to build with", check(path="without", given=False, parts=["rows"]), 1,
           "failed: tools to build with: meson, ninja, nvcc, c++ not on the PATH: build elsewhere", "skipped: rows: brink was not built")
    program(here / "poor" / "meson", COMMON + """print('../meson.build:39:2: ERROR: Dependency "tomlplusplus" not found')\nsys.exit(1)\n""")
    for name in ["ninja", "nvcc", "c++"]:
        program(here / "poor" / name, "#!/bin/sh\n")
    (here / "poor" / "nvidia-smi").symlink_to(here / "bin" / "nvidia-smi")
    expect("a package is missing", check(path="poor", given=False, parts=["rows"]), 1,
           'failed: configure: ../meson.build:39:2: ERROR: Dependency "tomlplusplus" not found')
    expect("no cuBLAS", check(environment={"PLAY_CUBLAS": "absent", "PLAY_BENCH": "no cublas"}), 0,
           "skipped: vendor arithmetic: the same bits twice, the exact loss nearly: brink: run.arithmetic",
           "skipped: products beside cuBLAS: not used: cannot be opened")
    data = expect("a figure below its bar is written down, not failed", check(environment={"PLAY_BENCH": "slow"}, parts=["products"]), 0)
    cases.check("bars that are not met", [b["met"] for b in data["parts"][0]["figures"]["bars"]] == [False, False])
    (here / "build" / "bench" / "perf" / "vectors").unlink()
    expect("a program is missing", check(parts=["vectors"]), 0, "skipped: vectors: there is no bench/perf/vectors in")
    cases.check("an unknown part", check(parts=["rwos"])[0] == 2)

    # The programs themselves, on the emulated GPU: every argument that gpu_check gives is one that they take.
    if not (build / "tests" / "emulator" / "brink_emulated").exists():
        cases.skip("emulated", "this build has no emulated programs")
    else:
        parts = ["rows", "whole", "runs", "pictures"]
        if (build / "tests" / "emulator" / "matmul_emulated").exists():
            parts[3:3] = ["products", "vectors", "peers"]
        found = check("--build", str(build), "--emulated", parts=parts, given=False, path="bin",
                      environment={"BRINK_CUBLAS": str(build / "tests" / "emulator" / "libfake_cublas.so")})
        data = expect("emulated", found, 0, "passed: rows: ", "passed: whole computations", "passed: 2 steps: digests",
                      "passed: brink verify RUN --device cuda", "passed: brink verify --device cuda", "passed: vendor arithmetic",
                      *(["passed: products", "passed: vectors"] if "products" in parts else []))
        if "products" in parts:
            ratios = [b for p in data["parts"] for b in p["figures"].get("bars", [])]
            cases.check("emulated: ratios to the library that stands in for cuBLAS", len(ratios) >= 4)
cases.close()
