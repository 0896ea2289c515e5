# SPDX-License-Identifier: MIT
"""gpu_check's parts about speed: brink's kernels beside cuBLAS and a copy, traces, brink's steps beside JAX and PyTorch, pictures.

A figure below its bar is recorded and printed, but is not a failure; only wrong results are.
"""

import json
import re
import shutil
import sys

from .bits import run_arguments
from .machine import ROOT, Clocks, find_tool, python_has
from .outcome import NOT_RUN, PASSED

SQUARE_BAR, W1_BAR, STEPS_BAR = 0.85, 0.8, 2.0


def measure(part, context, program, name, arguments):
    """Runs a benchmark that writes JSON; returns None, after a failed check, if it does not."""
    out = context.report.folder / f"{name}.json"
    out.unlink(missing_ok=True)
    with Clocks(part, context.emulated):
        done = part.run([program, *arguments, "--out", out], log=f"{name}.log")
    if done.status == 0 and out.exists():
        part.add(name, PASSED, seconds=done.seconds)
        return json.loads(out.read_text())
    part.check_done(name, done, ["no JSON was written"] if done.status == 0 else [])
    return None


def bar(part, name, ratio, least):
    part.figures.setdefault("bars", []).append({"name": name, "ratio": ratio, "bar": least, "met": ratio >= least})
    print(f"    {name}: {ratio:.2f}, bar {least}{'' if ratio >= least else '  BELOW'}", flush=True)


def products(part, context):
    small = (["--square", "64", "--most-flop", "3e6", "--graph-flop", "1", "--rounds", "1", "--turn-ms", "0.01"] if context.emulated
             else ["--rounds", "15"])
    report = measure(part, context, context.programs.of("matmul"), "products", ["--device", "cuda", *small])
    if not report:
        return
    part.figures["gpu"] = report["gpu"]
    compared = [r for r in report["gpu"]["results"] if "speed_over_yardstick" in r]
    if not compared:
        part.not_run("products beside cuBLAS", report["gpu"]["cublas"])
    for r in compared:
        if r["note"] == "large square" or r["note"].startswith("W1"):
            bar(part, f"{r['role']} {r['m']}x{r['k']}x{r['n']} ({r['note']})", r["speed_over_yardstick"]["median"],
                SQUARE_BAR if r["note"] == "large square" else W1_BAR)


def vectors(part, context):
    small = ["--elements", "10000", "--rounds", "2", "--turn-ms", "0.01"] if context.emulated else ["--rounds", "15"]
    report = measure(part, context, context.programs.of("vectors"), "vectors", small)
    if report:
        part.figures["gpu"] = report["gpu"]


def trace(part, context):
    """A few steps with brink's own trace (ui.perfetto.dev opens it), and with Nsight Systems if it is installed."""
    arguments = ["--device", "cuda", *run_arguments(context.emulated), *([] if context.emulated else ["--set", "training.steps=20"])]
    brink, folder = context.programs.of("brink"), context.report.folder
    shutil.rmtree(folder / "run-trace", ignore_errors=True)
    done = part.run([brink, "train", "--out", folder / "run-trace", "--trace", folder / "trace.json", *arguments], log="run-trace.log")
    part.check_done("brink's trace of a run", done, ["no trace was written"] if done.status == 0 and not events_in(folder / "trace.json") else [])
    nsys = find_tool("nsys")
    if not nsys:
        return part.not_run("timeline of Nsight Systems", "nsys is neither on the PATH nor in a folder of NVIDIA's packages")
    shutil.rmtree(folder / "run-nsys", ignore_errors=True)
    done = part.run([nsys, "profile", "--trace=cuda,nvtx", "--cuda-graph-trace=node", "--sample=none", "--cpuctxsw=none",
                     "--force-overwrite=true", "-o", folder / "timeline", brink, "train", "--out", folder / "run-nsys", "--nvtx", "phases",
                     *arguments], log="nsys.log")
    if (folder / "timeline.nsys-rep").exists():
        return part.add("timeline of Nsight Systems", PASSED, seconds=done.seconds)
    return part.add("timeline of Nsight Systems", NOT_RUN, done.why or "nsys wrote no report", done.seconds)


def events_in(path):
    try:
        return json.loads(path.read_text())["traceEvents"]
    except (OSError, ValueError, KeyError):
        return []


def peers(part, context):
    """Gradient, HVP and steps of gradient descent of W1 in brink, JAX (lax.scan) and PyTorch on this GPU; a session for each size."""
    why = python_has("numpy", part)
    if why:
        return part.not_run("peers", why)
    systems = ["brink"]
    for name in () if context.emulated else ("jax", "torch"):
        why = python_has(name, part)
        if why:
            part.not_run(f"beside {name}", why)
        else:
            systems.append(name)
    sizes = ["--rounds", "1", "--gd-steps", "2", "--kinds", "gd_step"] if context.emulated else [
        "--rounds", "7", "--gd-steps", "200", "--kinds", "gd_step,gradient,hvp_linearized"]
    for samples in ("128",) if context.emulated else ("1000", "4000"):
        peers_session(part, context, systems, samples, sizes)
    return None


def peers_session(part, context, systems, samples, sizes):
    name = f"peers, N = {samples}: the same work, in turns: {', '.join(systems)}"
    if part.left_s() < 1:
        return part.not_run(name, "no time is left in this part")
    out = context.report.folder / f"peers-{samples}.json"
    out.unlink(missing_ok=True)
    with Clocks(part, context.emulated):
        done = part.run([sys.executable, ROOT / "bench" / "peers" / "run", "--device", "cuda", "--threads", "1", "--no-compile",
                         "--systems", ",".join(systems), "--brink", context.programs.of("worker"), "--out", out, "--samples", samples,
                         *sizes], environment={"BRINK_PEERS_PYTHON": sys.executable}, log=f"peers-{samples}.log")
    if done.status != 0 or not out.exists():
        of_brink = re.search(r"do not do the same work:(?:\n.*)+|WorkerEnded: brink .*", done.output)
        if of_brink:
            return part.check(name, [re.sub(r"\s+", " ", of_brink[0])[:300]], done.seconds)
        return part.add(name, NOT_RUN, done.why or "no JSON was written", done.seconds)  # a fault of a peer is not brink's
    part.add(name, PASSED, seconds=done.seconds)
    session = json.loads(out.read_text())["sessions"][0]
    part.figures.setdefault("sessions", []).append(session)
    best = {}
    for row in session["results"]:
        if row["kind"] == "gd_step":
            best[row["system"]] = min(row["ms"]["median"], best.get(row["system"], 1e300))
    for other in systems[1:]:
        if "brink" in best and other in best:
            bar(part, f"steps per second over {other}, N = {samples}", best[other] / best["brink"], STEPS_BAR if other == "jax" else 1.0)
    return None


def pictures(part, context):
    """Draws bars of ratios and a roofline from the results of the parts before."""
    figures = {p["name"]: p["figures"] for p in context.report.data["parts"]}
    results = figures.get("products", {}).get("gpu", {}).get("results", [])
    if not results:
        return part.not_run("pictures", "the part 'products' left nothing to draw")
    why = python_has("matplotlib", part)
    if why:
        return part.not_run("pictures", why)
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    label = lambda r: f"{r['role']} {r['m']}×{r['k']}×{r['n']}"
    compared = [r for r in results if "speed_over_yardstick" in r]
    if compared:
        figure, axes = pyplot.subplots(figsize=(9, 0.4 * len(compared) + 1.5))
        axes.barh([label(r) for r in compared], [r["speed_over_yardstick"]["median"] for r in compared])
        axes.axvline(1, color="black", linewidth=1)
        axes.invert_yaxis()
        axes.set_xlabel("speed over cuBLAS's faster float32 arithmetic")
        figure.tight_layout()
        figure.savefig(context.report.folder / "ratios.png", dpi=120)
        pyplot.close(figure)
    figure, axes = pyplot.subplots(figsize=(7, 5))
    for r in results:
        bytes_moved = 4 * (r["m"] * r["k"] + r["k"] * r["n"] + r["m"] * r["n"])
        for timing, mark in zip(r["timings"], "o^v"):
            axes.plot(r["flop"] / bytes_moved, timing["tflops"], mark, color="C0" if timing["name"] == "brink" else "C1", markersize=5)
    copied = [r["gb_per_s"] for r in figures.get("vectors", {}).get("gpu", {}).get("results", []) if r["name"] == "copy"]
    most = max(t["tflops"] for r in results for t in r["timings"])
    if copied:
        knee = most * 1e3 / copied[0]
        axes.plot([knee / 100, knee], [most / 100, most], color="black", linewidth=1)
    axes.axhline(most, color="black", linewidth=1, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="flop per byte of memory", ylabel="TFLOP/s",
             title="brink (blue) and cuBLAS (orange); line: the copy's rate")
    figure.tight_layout()
    figure.savefig(context.report.folder / "roofline.png", dpi=120)
    pyplot.close(figure)
    part.check("pictures", [])
    return None
