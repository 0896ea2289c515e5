# SPDX-License-Identifier: MIT
"""What it is: gpu_check's parts about bits: rows, whole computations, runs of the command, sanitizers.
What it is not: the comparisons themselves, which are brink's own programs (tests/device, brink).
"""

import re
import shutil

from .outcome import FAILED, PASSED, SKIPPED, Skip

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
    """What a doctest program complains of, an entry a failed assertion."""
    found = []
    for match in re.finditer(r"ERROR: (.*(?:\n\s+values: .*)?)", output):
        found.append(re.sub(r"\s+", " ", match[1]).strip()[:300])
    return found


def doctest(part, name, program, pattern, environment, log):
    """One pattern of cases as one check."""
    if part.left_s() < 1:
        return part.skip(name, "no time is left in this part")
    done = part.run([program, "--no-skip", "--no-colors", "--no-intro", f"-tc={pattern}"], environment=environment, log=log)
    output = COLOURS.sub("", done.output)
    counts = COUNTS.search(output)
    skipped = re.search(r"\[skip\] (.*)", output)
    compared = re.search(r"compared (\d+)", output)
    if done.status is None or not counts:
        return part.check(name, [done.why or "no closing count"], done.seconds)
    if skipped:
        return part.skip(name, skipped[1])
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
        doctest(part, name, program, pattern, {"BRINK_DEVICE_DIGESTS": str(digests)}, f"{log}-{i}.log")


def rows(part, context):
    device_cases(part, context, ROWS, "rows")


def whole(part, context):
    device_cases(part, context, WHOLE[:1] + WHOLE[2:] if context.emulated else WHOLE, "whole")


def difference(expected, found):
    """The first row and column in which two metrics.csv differ; [] where none."""
    if expected == found:
        return []
    a, b = expected.splitlines(), found.splitlines()
    columns = a[0].split(",") if a else []
    for row, (x, y) in enumerate(zip(a, b)):
        for column, u, v in zip(columns, x.split(","), y.split(",")):
            if u != v:
                return [f"row {row}, column {column}: {u} on the CPU, {v} on the GPU"]
    return [f"{len(a)} rows on the CPU, {len(b)} on the GPU"]


def train(part, context, name, arguments, steps):
    """A run of the command into a folder of the report; its metrics.csv, None with the complaint in a check."""
    folder = context.report.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    done = part.run([context.programs.of("brink"), "train", "--out", folder, "--set", f"training.steps={steps}",
                     *context.train_arguments, *arguments], log=f"{name}.log")
    metrics = folder / "metrics.csv"
    return done, metrics.read_text() if done.status == 0 and metrics.exists() else None


def runs(part, context):
    """The main job (1000 pictures of 784 values made by the program, 784-32-32-32-32-4, 400 steps) on the CPU and on the GPU."""
    cpu, expected = train(part, context, "run-cpu", [], context.steps)
    if expected is None:
        return part.check("run on the CPU", [cpu.why or "no metrics.csv"], cpu.seconds)
    gpu, found = train(part, context, "run-gpu", ["--device", "cuda"], context.steps)
    if found is None:
        return part.check("run on the GPU", [gpu.why or "no metrics.csv"], gpu.seconds)
    steps = len(expected.splitlines()) - 2
    part.figures.update(steps=steps, seconds_cpu=round(cpu.seconds, 2), seconds_gpu=round(gpu.seconds, 2))
    part.check(f"{steps} steps: digests and every other number of the GPU's run are the CPU's", difference(expected, found), gpu.seconds)
    columns = expected.splitlines()[0].split(",")
    at = columns.index("digest")
    with (context.report.folder / "digests.csv").open("a") as digests:
        for row in found.splitlines()[1:]:
            cells = row.split(",")
            digests.write(f"{cells[at]},run step {cells[0]}\n")

    done = part.run([context.programs.of("brink"), "verify", context.report.folder / "run-cpu", "--device", "cuda"], log="verify-run.log")
    part.check("brink verify RUN --device cuda", [] if done.status == 0 else [done.why], done.seconds)
    done = part.run([context.programs.of("brink"), "verify", "--device", "cuda"], log="verify.log")
    part.check("brink verify --device cuda: closed forms", [] if done.status == 0 else [done.why], done.seconds)
    return vendor(part, context, expected)


def vendor(part, context, expected):
    """A few steps with cuBLAS: the same bits twice, the exact run's numbers nearly."""
    short, steps = ["--device", "cuda", "--arithmetic", "vendor"], min(40, context.steps)
    name = "vendor arithmetic: the same bits twice, the exact loss nearly"
    first, one = train(part, context, "run-vendor-1", short, steps)
    if first.status == 6 and "cuBLAS cannot be opened" in first.output:
        return part.skip(name, next(line for line in first.output.splitlines() if "cuBLAS cannot" in line)[:300])
    second, two = train(part, context, "run-vendor-2", short, steps)
    if one is None or two is None:
        return part.check(name, [first.why or second.why or "no metrics.csv"], first.seconds)
    complaints = [c.replace("on the CPU", "first").replace("on the GPU", "second") for c in difference(one, two)]
    at = expected.splitlines()[0].split(",").index("loss")
    for exact, near in list(zip(expected.splitlines()[1:], one.splitlines()[1:]))[:4]:
        a, b = float(exact.split(",")[at]), float(near.split(",")[at])
        if not abs(a - b) <= 1e-4 * abs(a):
            complaints.append(f"step {exact.split(',')[0]}: loss {b} beside {a}")
    return part.check(name, complaints, first.seconds + second.seconds)


def sanitizer_check(part, context, tool, name, pattern, late):
    """`late`: what running out of time is: a failure, or a skipped check where the reduced one has passed before."""
    done = part.run([context.sanitizer, "--tool", tool, "--error-exitcode", "99", context.programs.of("device"), "--no-skip",
                     "--no-colors", "--no-intro", f"-tc={pattern}"], log=f"sanitizer-{tool}-{name.replace(' ', '-')}.log")
    label = f"{tool}, {name}"
    said, summary = SAID.findall(done.output), SUMMARY.search(done.output)
    if done.status is None:
        part.add(label, late, done.why, done.seconds)
    elif re.search(NOT_SUPPORTED, done.output):
        part.skip(label, "compute-sanitizer does not support this machine: " + (said[0] if said else "Device not supported"))
    elif done.status == 0 and summary and int(summary[1]) == 0 and COUNTS.search(done.output):
        part.add(label, PASSED, seconds=done.seconds)
    else:
        part.check(label, said[:3] + complaints_of(done.output)[:2] or [done.why or "no summary"], done.seconds)


def sanitizer_control(part, context, tool):
    """A kernel that is wrong in the way that the tool looks for: it must say so."""
    done = part.run([context.sanitizer, "--tool", tool, "--error-exitcode", "99", context.programs.of("device"), "--no-skip",
                     "--no-colors", "--no-intro", f"-tc=wrong for {tool}*"], log=f"sanitizer-{tool}-control.log")
    label = f"{tool}, control: a wrong kernel is reported"
    if re.search(NOT_SUPPORTED, done.output):
        part.skip(label, "compute-sanitizer does not support this machine: Device not supported")
    elif done.status == 99:
        part.add(label, PASSED, seconds=done.seconds)
    else:
        part.check(label, [f"status 99 expected, {done.status} found: {tool} did not see it"], done.seconds)


def sanitizers(part, context):
    if not context.sanitizer:
        raise Skip("compute-sanitizer is not on the PATH")
    for tool in CONTROLLED:
        sanitizer_control(part, context, tool)
    for tool in SANITIZERS:
        sanitizer_check(part, context, tool, "few sizes", FRESH.format("few") if tool == "initcheck" else "few sizes*", FAILED)
    for tool, pattern in {"memcheck": "rows*", "initcheck": FRESH.format("all")}.items():
        if part.left_s() < 5:
            part.skip(f"{tool}, all sizes", "no time is left in this part")
        else:
            sanitizer_check(part, context, tool, "all sizes", pattern, SKIPPED)
