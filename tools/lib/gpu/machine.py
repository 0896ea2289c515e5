# SPDX-License-Identifier: MIT
"""What gpu_check asks of the machine: its GPU and clocks (nvidia-smi), its tools, and brink's programs, built or given.

Clocks and power are noted as they are found, and never changed.
"""

import glob
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading

from .outcome import PASSED, NotRun

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Where a build folder has them.
PROGRAMS = {"device": "tests/emulator/test_device", "brink": "tools/brink", "matmul": "bench/perf/matmul",
            "vectors": "bench/perf/vectors", "worker": "bench/perf/worker"}
EMULATED = {name: f"tests/emulator/{'test_' if name == 'device' else ''}{name}_emulated" for name in PROGRAMS}
FIELDS = ["name", "driver_version", "compute_cap", "memory.total", "clocks.sm", "clocks.mem", "clocks.max.sm", "clocks.max.mem",
          "temperature.gpu", "power.draw"]
# Where a tool may lie beside the PATH: folders, as patterns.
TOOL_PLACES = ["/usr/local/cuda/bin", "/usr/local/cuda-*/bin", "/usr/local/cuda*/compute-sanitizer", "/opt/nvidia/nsight-systems/bin",
               "/opt/nvidia/nsight-systems/*/bin", "/opt/nvidia/nsight-compute/*/host/target-linux-*", "/usr/local/nvidia/bin"]


def find_tool(name):
    """A tool on the PATH, otherwise in the folders where NVIDIA's packages put theirs; None if it is nowhere."""
    home = os.environ.get("CUDA_HOME")
    folders = [folder for place in ([home + "/bin"] if home else []) + TOOL_PLACES for folder in sorted(glob.glob(place), reverse=True)]
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders) or os.devnull)


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def query_gpu():
    """The first GPU's fields as nvidia-smi states them; or None, and why."""
    smi = find_tool("nvidia-smi")
    if not smi:
        return None, "nvidia-smi is not on the PATH: there is no NVIDIA driver"
    try:
        done = subprocess.run([smi, f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader,nounits"], capture_output=True, text=True,
                              timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"nvidia-smi: {error}"
    line = done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""
    values = [number(v.strip()) for v in line.split(",")]
    if done.returncode or len(values) != len(FIELDS):
        return None, f"nvidia-smi says: {(done.stdout + done.stderr).strip()[:300] or 'nothing'}"
    gpu = dict(zip(FIELDS, values))
    gpu["compute_cap"] = str(gpu["compute_cap"])
    return gpu, ""


class Clocks:
    """Samples the clocks twice a second while a part runs, in a thread: `with Clocks(part):` adds them to its figures."""

    def __init__(self, part, emulated=False):
        self.part, self.emulated = part, emulated
        self.samples, self.over = [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.sample, daemon=True)
        if not self.emulated:
            self.thread.start()
        return self

    def sample(self):
        while not self.over.is_set():
            gpu, _ = query_gpu()
            if gpu:
                self.samples.append(gpu)
            self.over.wait(0.5)

    def __exit__(self, *_):
        self.over.set()
        if not self.emulated:
            self.thread.join(25)
        out = {"samples": len(self.samples)}
        for field in ("clocks.sm", "clocks.mem", "temperature.gpu", "power.draw"):
            values = [s[field] for s in self.samples if isinstance(s[field], float)]
            out[field] = {"least": min(values), "median": statistics.median(values), "most": max(values)} if values else None
        self.part.figures["clocks"] = out


def paths_of(emulated):
    return EMULATED if emulated else PROGRAMS


class Programs:
    """Paths of brink's programs; `of(name)` raises NotRun if the program does not exist."""

    def __init__(self, folder, emulated):
        self.folder = pathlib.Path(folder).resolve()
        self.paths = {name: self.folder / path for name, path in paths_of(emulated).items()}

    def of(self, name):
        if not self.paths[name].is_file():
            raise NotRun(f"there is no {self.paths[name].relative_to(self.folder)} in {self.folder}")
        return self.paths[name]


def meson_complaint(output):
    lines = [line.strip() for line in output.splitlines() if "ERROR" in line]
    return lines[-1] if lines else output.strip()[-300:]


def build(part, folder, architecture, emulated=False, options=()):
    """Configures and builds the programs, each step a check."""
    missing = [tool for tool in ("meson", "ninja", "c++", *(() if emulated else ("nvcc",))) if not shutil.which(tool)]
    if missing:
        part.check("tools to build with", [f"{', '.join(missing)} not on the PATH: build elsewhere (--prepare) and use the archive here"])
        return
    asked = [f"-Dcuda={'auto' if emulated else 'enabled'}", "-Dtests=enabled", "-Dbench=enabled", "-Dtidy=disabled",
             f"-Dgpu_archs={architecture}", *options]
    again = ["--reconfigure"] if (folder / "build.ninja").exists() else []
    done = part.run(["meson", "setup", *again, *asked, folder, ROOT], log="meson.log")
    if done.status != 0:
        part.check("configure", [meson_complaint(done.output) if done.status else done.why,
                                 "where packages are missing, build elsewhere (--prepare) and use the archive here"], done.seconds)
        return
    part.add("configure", PASSED, seconds=done.seconds)
    jobs = ["-j", os.environ["BRINK_JOBS"]] if os.environ.get("BRINK_JOBS") else []
    done = part.run(["ninja", "-C", folder, *jobs, *paths_of(emulated).values()], log="ninja.log")
    failed = [line for line in done.output.splitlines() if "error" in line.lower()][:3]
    part.check("compile", [] if done.status == 0 else [done.why, *failed], done.seconds)


def python_has(module, part):
    """None if this Python imports a module and sees the GPU through it; otherwise why not."""
    asks = {"jax": "import jax; assert jax.devices()[0].platform in ('gpu', 'cuda'), 'it sees no GPU'",
            "torch": "import torch; assert torch.cuda.is_available(), 'it sees no GPU'"}
    done = part.run([sys.executable, "-c", asks.get(module, f"import {module}")], most_s=60,
                    environment={"XLA_PYTHON_CLIENT_PREALLOCATE": "false"})
    return done.why
