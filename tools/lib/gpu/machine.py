# SPDX-License-Identifier: MIT
"""What it is: what gpu_check asks of the machine: its GPU and clocks (nvidia-smi), and brink's programs, built or given.
What it is not: a change of anything: clocks and power are noted as they are found.
"""

import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import threading

from .outcome import PASSED, Skip

ROOT = pathlib.Path(__file__).resolve().parents[3]
# Where a build folder has them.
PROGRAMS = {"device": "tests/emulator/test_device", "brink": "tools/brink", "matmul": "bench/perf/matmul",
            "vectors": "bench/perf/vectors", "worker": "bench/perf/worker"}
EMULATED = {name: f"tests/emulator/{'test_' if name == 'device' else ''}{name}_emulated" for name in PROGRAMS}
FIELDS = ["name", "driver_version", "compute_cap", "memory.total", "clocks.sm", "clocks.mem", "clocks.max.sm", "clocks.max.mem",
          "temperature.gpu", "power.draw"]
# What is built here runs on another distribution: shared libraries are the C library's, and what lies in `lib` beside the programs.
RPATH = "$ORIGIN/../lib:$ORIGIN/../../lib"
PORTABLE = ["-Dprefer_static=true", f"-Dcpp_link_args=['-static-libstdc++', '-static-libgcc', '-Wl,-rpath,{RPATH}']",
            f"-Dcuda_link_args=['-Xcompiler=-static-libstdc++', '-Xcompiler=-static-libgcc', '-Xlinker=-rpath={RPATH}']"]
OF_THE_SYSTEM = ("linux-vdso", "ld-linux", "libc.so", "libm.so", "libdl.so", "libpthread.so", "librt.so")


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def query_gpu():
    """The first GPU's fields as nvidia-smi gives them, or None and why not."""
    smi = shutil.which("nvidia-smi")
    if not smi:
        return None, "nvidia-smi is not on the PATH: no NVIDIA driver"
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
    """Samples the clocks twice a second while a part runs, in a thread: `with Clocks(part):` leaves them in its figures."""

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


class Programs:
    """Paths of brink's programs; `of(name)` raises Skip where one is not there."""

    def __init__(self, folder, emulated):
        self.folder = pathlib.Path(folder).resolve()
        self.paths = {name: self.folder / path for name, path in (EMULATED if emulated else PROGRAMS).items()}

    def of(self, name):
        if not self.paths[name].is_file():
            raise Skip(f"there is no {self.paths[name].relative_to(self.folder)} in {self.folder}")
        return self.paths[name]


def meson_complaint(output):
    lines = [line.strip() for line in output.splitlines() if "ERROR" in line]
    return lines[-1] if lines else output.strip()[-300:]


def build(part, folder, architectures, portable=False):
    """Configures and builds the programs; True when all is there."""
    missing = [tool for tool in ("meson", "ninja", "nvcc", "c++") if not shutil.which(tool)]
    if missing:
        part.check("tools to build with", [f"{', '.join(missing)} not on the PATH: build elsewhere (--prepare) and give --build FOLDER"])
        return False
    options = ["-Dcuda=enabled", "-Dtests=enabled", "-Dbench=enabled", "-Dtidy=disabled", f"-Dgpu_archs={','.join(architectures)}",
               *(PORTABLE if portable else [])]
    again = ["--reconfigure"] if (folder / "build.ninja").exists() else []
    done = part.run(["meson", "setup", *again, *options, folder, ROOT], log="meson.log")
    if done.status != 0:
        part.check("configure", [meson_complaint(done.output) if done.status else done.why,
                                 "where packages are missing, build elsewhere (--prepare) and give --build FOLDER"], done.seconds)
        return False
    part.add("configure", PASSED, seconds=done.seconds)
    done = part.run(["ninja", "-C", folder, *PROGRAMS.values()], log="ninja.log")
    failed = [line for line in done.output.splitlines() if "error" in line.lower()][:3]
    part.check("compile", [] if done.status == 0 else [done.why, *failed], done.seconds)
    return done.status == 0


def prepare(part, folder, architectures):
    """Programs for a machine that can build nothing: built in `folder`/build, stripped, in `folder` under the names of a build folder."""
    folder = pathlib.Path(folder).resolve()
    if not build(part, folder / "build", architectures, portable=True):
        return
    (folder / "lib").mkdir(exist_ok=True)
    for path in PROGRAMS.values():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        done = part.run(["strip", "-o", target, folder / "build" / path])
        size_mib = target.stat().st_size / 2**20 if target.exists() else 0
        needed = re.findall(r"^\s*(\S+) => (/\S+)", part.run(["ldd", folder / "build" / path]).output, re.M)
        for name, library in needed:
            if not name.startswith(OF_THE_SYSTEM):
                shutil.copy(library, folder / "lib" / name)
        part.check(f"{path}, {size_mib:.1f} MiB", [] if done.status == 0 else [done.why])


def python_has(module, part):
    """Whether this Python imports a module and sees the GPU through it; None, or why not."""
    asks = {"jax": "import jax; assert jax.devices()[0].platform in ('gpu', 'cuda'), 'it sees no GPU'",
            "torch": "import torch; assert torch.cuda.is_available(), 'it sees no GPU'"}
    done = part.run([sys.executable, "-c", asks.get(module, f"import {module}")], most_s=60,
                    environment={"XLA_PYTHON_CLIENT_PREALLOCATE": "false"})
    return done.why
