# SPDX-License-Identifier: MIT
"""`brink walk` from outside: the files, the same bytes on any number of threads, and what is refused.
usage: walk_test.py BUILD
"""

import csv
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import Cases

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
cases = Cases()

with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)

    def call(*arguments):
        done = subprocess.run([brink, "walk", *map(str, arguments)], capture_output=True, text=True, cwd=here, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout, done.stderr

    def case(name, status, said, *arguments):
        code, out, wrong = call(*arguments)
        complaints = [] if code == status else [f"status {status} expected, {code} found: {wrong}"]
        if said not in (wrong if status else out):
            complaints.append(f"expected {said!r} in {(wrong if status else out)!r}")
        cases.check(name, complaints)

    def rows(path):
        return list(csv.DictReader((here / path).open()))

    def same(a, b):
        return {p.name: p.read_bytes() for p in (here / a).iterdir()} == {p.name: p.read_bytes() for p in (here / b).iterdir()}

    small = ["--paths", 10001, "--steps", 70, "--every", 10, "--start", "0:0.1", "--start", "1.2:0.1:3", "--bins", 20, "--keep", 5]
    coupled = [*small, "--coupled", "--gain", 2, "--boundary", -0.5, "--noise", 0.1]
    case("a walk", 0, "10001 paths, 70 steps: mean ", *small, "--threads", 1, "--out", "one")
    case("a coupled walk", 0, " absorbed", *coupled, "--threads", 1, "--out", "coupled")
    for name, arguments in (("one", small), ("coupled", coupled)):
        case(f"{name}: three threads", 0, "", *arguments, "--threads", 3, "--out", f"{name}-3")
        cases.check(f"{name}: the same bytes on three threads", same(name, f"{name}-3"))
    call(*small, "--seed", 1, "--out", "other")
    cases.check("control: another seed gives other bytes", (here / "one/walk.csv").read_bytes() != (here / "other/walk.csv").read_bytes())

    table = rows("one/walk.csv")
    cases.check("a row for each tenth step", [int(r["step"]) for r in table] == list(range(0, 71, 10)))
    cases.check("quantiles ascend", all(float(r["lowest"]) <= float(r["quantile_0.25"]) <= float(r["quantile_0.5"]) <= float(r["highest"]) for r in table))
    data = (here / "one/walk.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    shapes = {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    cases.check("the tensors", shapes == {"step": [8], "range": [8, 2], "counts": [8, 20], "paths": [8, 5]} or shapes)
    first, last = header["counts"]["data_offsets"]
    counts = struct.unpack(f"<{(last - first) // 8}d", data[8 + length + first:8 + length + last])
    cases.check("every path is in one bin of each row", all(sum(counts[20 * i:20 * i + 20]) == 10001 for i in range(8)))
    metadata = header["__metadata__"]
    cases.check("the settings in the file", (metadata["start"], metadata["paths"]) == ("0:0.1:1 1.2:0.1:3", "10001") or metadata)

    before = (here / "one/walk.csv").read_bytes()
    (here / "one/walk.csv").unlink()
    case("the same settings once more", 0, "", *small, "--out", "one")
    cases.check("give the same file", (here / "one/walk.csv").read_bytes() == before)
    case("other settings in the same folder", 73, "settings.txt: the folder has results of other settings; choose another --out",
         *small, "--seed", 1, "--out", "one")

    case("all sequences", 0, "608 sequences of sum 0 or less, up to length 8", "--branches", 8, "--start", 1, "--start", -1, "--out", "branches")
    table = rows("branches/branches.csv")
    cases.check("a row for each start and length", [(r["start"], r["length"]) for r in table] == [(s, str(n)) for s in ("1", "-1") for n in range(1, 9)])
    cases.check("no median of an odd length", all((r["median"] == "") == (int(r["length"]) % 2 == 1) for r in table))
    case("constant steps come back to their start", 0, " are undecided", "--branches", 6, "--height", 0, "--out", "constant")
    case("an h that falls ends above its start", 1, "", "--branches", 6, "--slope", -1, "--out", "falling")

    for text in ("x", "1:", "1:-0.1", "1:0.1:0", "1:2:3:4", "nan", "1,2"):
        case(f"--start {text!r}", 2, f"--start {text}: expected MEAN, MEAN:DEVIATION or MEAN:DEVIATION:WEIGHT", f"--start={text}", "--out", "wrong")
    case("a deviation with --branches", 2, "--start 1:0.1: with --branches expected a point, found a deviation", "--start", "1:0.1", "--branches", 3, "--out", "wrong")
    case("a longer sequence", 2, "--branches", "--branches", 25, "--out", "wrong")
    case("no folder", 2, "--out is required")
    case("a gain without --coupled", 2, "--gain requires --coupled", "--gain", 2, "--out", "wrong")
    case("branches of the coupled form", 2, "excludes", "--coupled", "--branches", 2, "--out", "wrong")
    case("results beyond the memory", 6, "of memory, and ", "--paths", 10, "--steps", 1000000, "--every", 1, "--bins", 65536, "--keep", 65536, "--out", "wrong")
    (here / "file").touch()
    case("a folder below a file", 4, "file/w: expected a folder that can be made, found: Not a directory; choose another --out", "--paths", 1,
         "--out", "file/w")
    cases.check("a wrong call makes no folder", not (here / "wrong").exists())

cases.close()
