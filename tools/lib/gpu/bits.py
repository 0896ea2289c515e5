# SPDX-License-Identifier: MIT
"""gpu_check's parts about bits: rows, whole computations, runs of the command, sanitizers.

The comparisons themselves are made by brink's own programs (tests/device, brink).
"""

import re
import shutil

from .outcome import PASSED, NotRun

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
COUNTS = re.compile(r"^\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed", re.M)
# doctest cases of tests/device by the beginning of their names: check, pattern, seconds.
ROWS = [("rows", "rows*"), ("tiles", "tiles*"), ("control of the rows", "control: a bit turned round in what is expected*")]
WHOLE = [("whole computations", "whole*"), ("the main job's network", "main job*"),
         ("control of the whole", "control: a bit turned round in what is found*")]
SANITIZERS = ["memcheck", "racecheck", "synccheck", "initcheck"]
CONTROLLED = ["memcheck", "racecheck", "initcheck"]
FRESH = "fresh memory of {} sizes*"  # to initcheck, memory that was filled with poison is initialised
NOT_SUPPORTED = r"Device not supported|not supported on this (?:device|system)"
SAID = re.compile(r"^=+ (?!COMPUTE-SANITIZER|ERROR SUMMARY|RACECHECK SUMMARY|\s|Saved host backtrace)(\S.*)$", re.M)
SUMMARY = re.compile(r"^=+ (?:ERROR|RACECHECK) SUMMARY: (\d+) (?:errors?|hazards?)", re.M)


def complaints_of(output):
    """The failed assertions of a doctest program, one entry each."""
    found = []
    for match in re.finditer(r"ERROR: (.*(?:\n\s+values: .*)?)", output):
        found.append(re.sub(r"\s+", " ", match[1]).strip()[:300])
    return found


def lines_of(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def doctest(part, name, program, pattern, digests, log):
    """Runs the cases of one pattern as one check, and adds lines to the file of digests."""
    if part.left_s() < 1:
        return part.not_run(name, "no time is left in this part")
    before = lines_of(digests)
    done = part.run([program, "--no-skip", "--no-colors", "--no-intro", f"-tc={pattern}"],
                    environment={"BRINK_DEVICE_DIGESTS": str(digests)}, log=log)
    output = COLOURS.sub("", done.output)
    counts = COUNTS.search(output)
    skipped = re.search(r"\[skip\] (.*)", output)
    compared = re.search(r"compared (\d+)", output)
    if done.cut:
        if not complaints_of(output):
            return part.not_run(name, f"{done.why}; {lines_of(digests) - before} comparisons had passed")
        return part.check_done(name, done, complaints_of(output)[:4])
    if not counts:
        return part.check(name, [done.why or "the program printed no closing count"], done.seconds)
    if skipped:
        return part.not_run(name, skipped[1])
    if int(counts[1]) == 0:
        return part.check(name, [f"no case is called {pattern}"], done.seconds)
    complaints = complaints_of(output)
    if int(counts[3]) or done.status:
        more = [f"and {len(complaints) - 4} more, see {log}"] if len(complaints) > 5 else []
        return part.check(name, (complaints[:4] + more if more else complaints) or [done.why or "failed"], done.seconds)
    if compared:
        part.figures["compared"] = int(compared[1])
    part.add(name, PASSED, f"{compared[1]} compared" if compared else "", done.seconds)
    return None


def device_cases(part, context, cases, log):
    program = context.programs.of("device")
    digests = context.report.folder / "digests.csv"
    for i, (name, pattern) in enumerate(cases):
        doctest(part, name, program, pattern, digests, f"{log}-{i}.log")


def rows(part, context):
    device_cases(part, context, ROWS, "rows")


def whole(part, context):
    device_cases(part, context, WHOLE[:1] + WHOLE[2:] if context.emulated else WHOLE, "whole")


def run_arguments(emulated):
    """The main job: 1000 pictures of 784 values made by the program, 784-32-32-32-32-4, 400 steps; smaller if the GPU is
    emulated."""
    steps = 2 if emulated else 400
    return ["--set", f"training.steps={steps}", *(["--set", "data.train=128", "--set", "data.test=4"] if emulated else [])]


def digests_of(metrics):
    """→ ["digest,run step N", …] of a metrics.csv."""
    header, *rows = metrics.splitlines()
    at = header.split(",").index("digest")
    return [f"{cells[at]},run step {cells[0]}" for cells in (row.split(",") for row in rows)]


def difference(expected, found):
    """The first row and column in which two metrics.csv differ; [] if there is none."""
    if expected == found:
        return []
    a, b = expected.splitlines(), found.splitlines()
    columns = a[0].split(",") if a else []
    for row, (x, y) in enumerate(zip(a, b)):
        for column, u, v in zip(columns, x.split(","), y.split(",")):
            if u != v:
                return [f"row {row}, column {column}: {u} on the CPU, {v} on the GPU"]
    return [f"{len(a)} rows on the CPU, {len(b)} on the GPU"]


def train(part, context, name, arguments):
    """A run of the command into a folder of the report: how it ended, and its metrics.csv if it succeeded."""
    folder = context.report.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    done = part.run([context.programs.of("brink"), "train", "--out", folder, *run_arguments(context.emulated), *arguments],
                    log=f"{name}.log")
    metrics = folder / "metrics.csv"
    return done, metrics.read_text() if done.status == 0 and metrics.exists() else None


def check_prepared(part, context, found):
    """Compares the digests of this machine's processor with those of the machine that prepared the archive."""
    expected = context.prepared.get("digests")
    if not expected:
        return part.not_run("digests of the preparing machine", "the programs come from no prepared archive")
    wrong = [f"{b} here, {a} there" for a, b in zip(expected, found) if a != b]
    if len(expected) != len(found):
        wrong.append(f"{len(found)} steps here, {len(expected)} there")
    return part.check("digests of the preparing machine are this processor's", wrong[:1])


def runs(part, context):
    """The main job on the CPU and on the GPU."""
    cpu, expected = train(part, context, "run-cpu", [])
    if expected is None:
        return part.check_done("run on the CPU", cpu, ["no metrics.csv"] if cpu.status == 0 else [])
    check_prepared(part, context, digests_of(expected))
    gpu, found = train(part, context, "run-gpu", ["--device", "cuda"])
    if found is None:
        return part.check_done("run on the GPU", gpu, ["no metrics.csv"] if gpu.status == 0 else [])
    steps = len(expected.splitlines()) - 2
    part.figures.update(steps=steps, seconds_cpu=round(cpu.seconds, 2), seconds_gpu=round(gpu.seconds, 2))
    part.check(f"{steps} steps: digests and every other number of the GPU's run are the CPU's", difference(expected, found), gpu.seconds)
    with (context.report.folder / "digests.csv").open("a") as digests:
        digests.write("".join(line + "\n" for line in digests_of(found)))

    brink = context.programs.of("brink")
    part.check_done("brink verify RUN --device cuda", part.run([brink, "verify", context.report.folder / "run-cpu", "--device", "cuda"],
                                                               log="verify-run.log"))
    part.check_done("brink verify --device cuda: closed forms", part.run([brink, "verify", "--device", "cuda"], log="verify.log"))
    return vendor(part, context, expected)


def vendor(part, context, expected):
    """A few steps with cuBLAS: the same bits twice, and numbers close to those of the exact run."""
    short = ["--device", "cuda", "--arithmetic", "vendor", *([] if context.emulated else ["--set", "training.steps=40"])]
    name = "vendor arithmetic: the same bits twice, the exact loss nearly"
    first, one = train(part, context, "run-vendor-1", short)
    if first.status == 6 and "cuBLAS cannot be opened" in first.output:
        return part.not_run(name, next(line for line in first.output.splitlines() if "cuBLAS cannot" in line)[:600])
    if one is None:
        return part.check_done(name, first, ["no metrics.csv"] if first.status == 0 else [])
    second, two = train(part, context, "run-vendor-2", short)
    if two is None:
        return part.check_done(name, second, ["no metrics.csv"] if second.status == 0 else [])
    complaints = [c.replace("on the CPU", "first").replace("on the GPU", "second") for c in difference(one, two)]
    at = expected.splitlines()[0].split(",").index("loss")
    for exact, near in list(zip(expected.splitlines()[1:], one.splitlines()[1:]))[:4]:
        a, b = float(exact.split(",")[at]), float(near.split(",")[at])
        if not abs(a - b) <= 1e-4 * abs(a):
            complaints.append(f"step {exact.split(',')[0]}: loss {b} beside {a}")
    return part.check(name, complaints, first.seconds + second.seconds)


def sanitize(part, context, tool, pattern, log):
    return part.run([context.sanitizer, "--tool", tool, "--error-exitcode", "99", context.programs.of("device"), "--no-skip",
                     "--no-colors", "--no-intro", f"-tc={pattern}"], log=f"sanitizer-{tool}-{log}.log")


def sanitizer_check(part, context, tool, name, pattern):
    label = f"{tool}, {name}"
    if part.left_s() < 1:
        return part.not_run(label, "no time is left in this part")
    done = sanitize(part, context, tool, pattern, name.replace(" ", "-"))
    said, summary = SAID.findall(done.output), SUMMARY.search(done.output)
    if re.search(NOT_SUPPORTED, done.output):
        return part.not_run(label, "compute-sanitizer does not support this machine: " + (said[0] if said else "Device not supported"))
    if done.status == 0 and summary and int(summary[1]) == 0 and COUNTS.search(done.output):
        return part.add(label, PASSED, seconds=done.seconds)
    return part.check_done(label, done, said[:3] + complaints_of(done.output)[:2] or (["no summary"] if done.status == 0 else []))


def sanitizer_control(part, context, tool):
    """Runs a kernel with the fault that the tool looks for, which the tool must report."""
    done = sanitize(part, context, tool, f"wrong for {tool}*", "control")
    label = f"{tool}, control: a wrong kernel is reported"
    if re.search(NOT_SUPPORTED, done.output):
        part.not_run(label, "compute-sanitizer does not support this machine: Device not supported")
    elif done.status == 99:
        part.add(label, PASSED, seconds=done.seconds)
    else:
        part.check_done(label, done, [] if done.cut else [f"status 99 expected, {done.status} found: {tool} did not see it"])


def sanitizers(part, context):
    if not context.sanitizer:
        raise NotRun("compute-sanitizer is neither on the PATH nor in a toolkit's folder")
    for tool in CONTROLLED:
        sanitizer_control(part, context, tool)
    for tool in SANITIZERS:
        sanitizer_check(part, context, tool, "few sizes", FRESH.format("few") if tool == "initcheck" else "few sizes*")
    for tool, pattern in {"memcheck": "rows*", "initcheck": FRESH.format("all")}.items():
        sanitizer_check(part, context, tool, "all sizes", pattern)
