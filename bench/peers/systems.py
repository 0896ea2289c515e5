# SPDX-License-Identifier: MIT
"""What the drivers of bench/peers share: the virtual environment, the workers as processes, the comparison of their work, and what is
recorded about the machine."""

import contextlib
import json
import os
import pathlib
import platform
import select
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
VENV = pathlib.Path(os.environ.get("BRINK_PEERS_VENV", HERE.parent.parent / ".venv-peers"))
# A Python that has what is needed already, in place of the virtual environment's.
PYTHON = os.environ.get("BRINK_PEERS_PYTHON", str(VENV / "bin" / "python"))


def enter_environment(script):
    """Starts `script` again in the virtual environment's Python, unless this is it."""
    if "BRINK_PEERS_PYTHON" in os.environ or pathlib.Path(sys.prefix).resolve() == VENV.resolve():
        return
    python = VENV / "bin" / "python"
    if not python.exists():
        sys.exit(f"{pathlib.Path(script).name}: no Python at {python}; run {HERE / 'setup'} first (or set BRINK_PEERS_VENV)")
    os.execv(python, [str(python), script, *sys.argv[1:]])


class WorkerEnded(Exception):
    """A worker that gave no answer."""


class System:
    """One worker process; on the CPU it is pinned to as many processors as it may have threads."""

    def __init__(self, name, command, threads, log, device, patience_s=900):
        env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
        env.setdefault("TORCHINDUCTOR_CACHE_DIR", str(VENV / "inductor"))
        if device == "cpu":
            env["JAX_PLATFORMS"] = "cpu"
            for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
                env[key] = str(threads)
        else:
            env["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # three systems share the memory
        if threads == 1 and device == "cpu":
            env["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        processors = sorted(os.sched_getaffinity(0))[-threads:]
        if len(processors) < threads:
            raise SystemExit(f"peers: {threads} threads requested, but only {len(processors)} processors are available")
        self.name, self.log_path, self.patience_s = name, log, patience_s
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(log, "wb"), env=env, cwd=HERE,
            preexec_fn=(lambda: os.sched_setaffinity(0, processors)) if device == "cpu" else None)
        self.pending = b""

    def ask(self, request):
        self.send(request)
        return self.answer()

    def send(self, request):
        with contextlib.suppress(BrokenPipeError):  # answer() reports its last output
            self.process.stdin.write((json.dumps(request) + "\n").encode())
            self.process.stdin.flush()

    def answer(self):
        deadline = time.monotonic() + self.patience_s
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            if not chunk:
                reason = "ended" if ready else f"did not answer within {self.patience_s} s"
                tail = pathlib.Path(self.log_path).read_text(errors="replace")[-2000:]
                raise WorkerEnded(f"{self.name} {reason}; its last words:\n{tail}")
            self.pending += chunk
        line, self.pending = self.pending.split(b"\n", 1)
        try:
            return json.loads(line)
        except (ValueError, RecursionError) as why:  # no JSON, or nested too deeply
            raise WorkerEnded(f"{self.name} answered {line[:200]!r}, which is not JSON: {why}") from None

    def stop(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


def compare_values(systems_values, agree):
    """→ list of disagreements between every system and the first one. agree: workloads.Workload.agree."""
    (first, expected), *others = systems_values.items()
    wrong = []
    for name, values in others:
        for key, (limit, scale) in agree.items():
            if key not in values or key not in expected:
                continue  # a system without eigenvalues
            a, b = values[key], expected[key]
            if not abs(a - b) <= limit * abs(expected[scale]):
                wrong.append(f"{key}: {name} {a!r}, {first} {b!r}, further apart than {limit:g} of {scale}")
        missing = {key for key in agree if key != "lambda_1"} - values.keys()
        if missing:
            wrong.append(f"{name} does not give {sorted(missing)}")
    return wrong


def machine():
    about = {"processor": platform.processor() or platform.machine(), "system": platform.platform(),
             "processors": len(os.sched_getaffinity(0)), "load_average": os.getloadavg()}
    lines = pathlib.Path("/proc/cpuinfo")
    if lines.exists():
        fields = dict(line.split(":", 1) for line in lines.read_text().split("\n\n")[0].splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        about["processor"] = fields.get("model name", about["processor"])
        about["family_model"] = f'{fields.get("cpu family")}.{fields.get("model")}'
        flags = fields.get("flags", "").split()
        about["flags"] = [flag for flag in ("fma", "avx2", "avx512f", "avx512_bf16", "avx512_vnni") if flag in flags]
    return about


def commands(brink, chosen):
    """brink: the path of its worker, or None. chosen: comma-separated names, or None for all. → {name: command line}"""
    known = {"jax": [PYTHON, str(HERE / "jax_worker.py")], "torch": [PYTHON, str(HERE / "torch_worker.py")]}
    if brink:
        known["brink"] = [str(pathlib.Path(brink).resolve())]
    names = chosen.split(",") if chosen else ["brink", "jax", "torch"]
    for name in names:
        if name not in known:
            sys.exit("peers: brink's worker is not given; pass --brink BUILD/bench/perf/worker, or --systems jax,torch"
                     if name == "brink" else f"peers: unknown system '{name}'; known: brink, jax, torch")
    return {name: known[name] for name in names}
