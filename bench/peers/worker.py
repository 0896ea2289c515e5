# SPDX-License-Identifier: MIT
"""What it is: the protocol and the workload that the Python workers share. What it is not: a measurement of anything.

Decision: a worker lives through the whole run and answers lines of JSON, so that compilation and warm-up are outside
and the systems can take turns within one run.

    {"setup": {"folder": F, "threads": T, "learning_rate": η, "gd_steps": K, "device": "cpu" or "cuda", "compile": true}}
        → {"ready": true, "versions": {…}, "values": {…}, "variants": {kind: [name, …]}, "skipped": {"kind/name": why}}
    {"run": kind, "variant": name, "repeat": k}  → {"ms": [k numbers], "cpu_ms": […], "info": {…}}
    end of input                                 → the worker ends

F holds workload.json {"widths": [784, …], "samples": N} and raw little-endian arrays: x.f32 [N,784], labels.i32 [N],
theta.f32 (w₁ [in,out], b₁, w₂ … without gaps), v.f32 (a unit direction, same order).
The kinds: gradient (loss and gradient of the mean cross-entropy over all samples), hvp (H v from scratch),
hvp_linearized (H v where everything that does not depend on v is kept), gd_step (time per step over K steps),
lanczos (largest eigenvalue to a relative residual of 1e-3).
"""

import json
import pathlib
import sys
import time

import numpy as np

LANCZOS_TOLERANCE = 1e-3


class Workload:
    """The arrays of one folder: x [N,D], labels [N], parameters [(w, b), …], v like parameters."""

    def __init__(self, setup):
        folder = pathlib.Path(setup["folder"])
        about = json.loads((folder / "workload.json").read_text())
        self.widths, self.samples = about["widths"], about["samples"]
        self.threads, self.gd_steps = setup["threads"], setup["gd_steps"]
        self.learning_rate = setup["learning_rate"]
        self.device, self.compile = setup.get("device", "cpu"), setup.get("compile", True)
        self.x = np.fromfile(folder / "x.f32", "<f4").reshape(self.samples, self.widths[0])
        self.labels = np.fromfile(folder / "labels.i32", "<i4")
        self.theta = np.fromfile(folder / "theta.f32", "<f4")
        self.v = np.fromfile(folder / "v.f32", "<f4")

    def tree(self, flat):
        """[n] → [w₁, b₁, w₂, b₂, …]."""
        out, at = [], 0
        for fan_in, fan_out in zip(self.widths, self.widths[1:]):
            for shape in ((fan_in, fan_out), (fan_out,)):
                size = int(np.prod(shape))
                out.append(flat[at : at + size].reshape(shape))
                at += size
        if at != flat.size:
            raise ValueError(f"theta.f32 has {flat.size} numbers, the widths need {at}")
        return out


def flat(tree):
    return np.concatenate([np.asarray(a).ravel() for a in tree])


def largest_eigenvalue(apply_flat, start, tolerance=LANCZOS_TOLERANCE, basis=None):
    """SciPy's ARPACK on v ↦ H v with `basis` vectors (None: SciPy's choice, 20).

    → λ₁, products used, true relative residual ‖Hu − λu‖ / λ.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    products = 0

    def matvec(vector):
        nonlocal products
        products += 1
        return apply_flat(np.ascontiguousarray(vector, dtype=np.float32).ravel())

    n = start.size
    operator = LinearOperator((n, n), matvec=matvec, dtype=np.float32)
    values, vectors = eigsh(operator, k=1, which="LA", tol=tolerance, v0=start, ncv=basis)
    used = products
    u, value = vectors[:, 0], float(values[0])
    residual = float(np.linalg.norm(matvec(u) - value * u)) / abs(value)
    return value, used, residual


def arpack_variants(apply_flat, start):
    """ARPACK looks at its residual only when a basis is full, so the basis decides the number of products."""

    def variant(basis):
        def call():
            value, products, residual = largest_eigenvalue(apply_flat, start, basis=basis)
            return {"info": {"lambda_1": value, "products": products, "residual": residual}}

        return call

    return {f"arpack_basis_{basis}": variant(basis) for basis in (4, 8, 20)}


def check_values(work, loss, gradient, hvp, hvp_linearized, loss_after, top):
    """What the driver compares between systems, to see that the work is the same."""
    g, h, k = (np.asarray(a, np.float64) for a in (gradient, hvp, hvp_linearized))
    v = work.v.astype(np.float64)
    return {
        "loss": float(loss),
        "gradient_norm": float(np.linalg.norm(g)),
        "gradient_v": float(g @ v),
        "hvp_norm": float(np.linalg.norm(h)),
        "v_h_v": float(v @ h),
        "hvp_linearized_norm": float(np.linalg.norm(k)),
        "loss_after_gd": float(loss_after),
        "lambda_1": top,
    }


def timed(call, repeat):
    """Runs call() `repeat` times. → milliseconds of wall clock, milliseconds of processor time, the last result."""
    wall, cpu, result = [], [], None
    for _ in range(repeat):
        c, t = time.process_time_ns(), time.perf_counter_ns()
        result = call()
        wall.append((time.perf_counter_ns() - t) * 1e-6)
        cpu.append((time.process_time_ns() - c) * 1e-6)
    return wall, cpu, result


def serve(make):
    """make(Workload) → (versions, values, {kind: {variant: call}}, skipped).

    A call may return {"divide": K, "info": {…}}: its time is divided by K, the info passed on.
    """
    out, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not break the protocol
    calls = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "setup" in request:
            versions, values, calls, skipped = make(Workload(request["setup"]))
            reply = {"ready": True, "versions": versions, "values": values, "skipped": skipped,
                     "variants": {kind: list(names) for kind, names in calls.items()}}
        else:
            wall, cpu, result = timed(calls[request["run"]][request["variant"]], request["repeat"])
            result = result if isinstance(result, dict) else {}
            steps = result.get("divide", 1)
            reply = {"ms": [t / steps for t in wall], "cpu_ms": [t / steps for t in cpu],
                     "info": result.get("info", {})}
        print(json.dumps(reply), file=out, flush=True)
