# SPDX-License-Identifier: MIT
"""The protocol and the workload that the Python workers share.

A worker lives through the whole run and answers lines of JSON, so that compilation and warm-up are outside of what is timed and the
systems can take turns within one run. Memory is measured in a fresh worker that does nothing else.

    {"setup": {"folder": F, "threads": T, "learning_rate": η, "gd_steps": K, "device": "cpu" or "cuda", "compile": true,
               "kinds": [kind, …], "spectrum": true}}
        → {"ready": true, "versions": {…}, "values": {…}, "variants": {kind: [name, …]}, "skipped": {"kind/name": why}}
    {"run": kind, "variant": name, "repeat": k}  → {"ms": [k numbers], "cpu_ms": […], "info": {…}}
    {"lambda_1": name, "theta": file, "setting": s, "vector": file}
        → {"ms": t, "cpu_ms": t, "lambda_1": λ, "products": k}: from θ alone, by that solver; its eigenvector is written to the file
    {"residual": file, "theta": file, "lambda_1": λ} → {"residual": ‖Hy − λy‖ ÷ (|λ|‖y‖) in float64}; PyTorch's worker only
    {"power_iterations": name, "theta": file, "residuals": [r, …]} → {"products": [k, …]}: as many as each residual needs
    {"memory": {as setup}, "kind": kind}         → {"variants": [name, …]}: what the next line may ask for
    {"peak": name}                               → {"peak_bytes": B, "first_peak_bytes": B}; the worker can then not be used again
    end of input                                 → the worker ends

F holds workload.json (workloads.py writes it: network, sample, classes, samples, parameters) and raw little-endian arrays:
x.f32 [N, sample…], labels.i32 [N], theta.f32 (the parameters one after another without gaps; kernels [h,w,in,out], dense
weights [in,out]), v.f32 (a unit direction, same order).

The kinds: gradient (loss and gradient of the mean cross-entropy over all samples), hvp (H v from scratch),
hvp_linearized (H v where everything that does not depend on v is kept), gd_step (time per step over K steps),
lanczos (largest eigenvalue to a relative residual of 1e-3; only where there is a spectrum), lambda_1 (the solvers of the next request,
of which `setting` is a tolerance or a number of products; bench/peers/lambda_1 says which).

Peak memory: anonymous resident memory, VmHWM − RssFile of /proc/self/status, of one call after two calls and a reset of VmHWM, less the
same before the network was built. first_peak_bytes: that of the first call, which may compile.
"""

import json
import pathlib
import sys
import time

import numpy as np

LANCZOS_TOLERANCE = 1e-3


class Workload:
    """The arrays of one folder: x [N, sample…], labels [N], parameters, v like parameters; and the driver's settings."""

    def __init__(self, setup):
        folder = pathlib.Path(setup["folder"])
        about = json.loads((folder / "workload.json").read_text())
        self.network, self.classes, self.samples = about["network"], about["classes"], about["samples"]
        self.shapes = [tuple(p["shape"]) for p in about["parameters"]]
        self.threads, self.gd_steps = setup["threads"], setup["gd_steps"]
        self.learning_rate = setup["learning_rate"]
        self.device, self.compile = setup.get("device", "cpu"), setup.get("compile", True)
        self.kinds, self.spectrum = setup["kinds"], setup["spectrum"]
        self.x = np.fromfile(folder / "x.f32", "<f4").reshape(self.samples, *about["sample"])
        self.labels = np.fromfile(folder / "labels.i32", "<i4")
        self.theta = np.fromfile(folder / "theta.f32", "<f4")
        self.v = np.fromfile(folder / "v.f32", "<f4")

    def tree(self, flat):
        """[n] → the parameters' arrays, in order."""
        out, at = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            out.append(flat[at : at + size].reshape(shape))
            at += size
        if at != flat.size:
            raise ValueError(f"theta.f32 has {flat.size} numbers, the network needs {at}")
        return out


class Peer:
    """What a framework's file makes of a workload. Nothing is built before it is asked for."""

    versions = {}
    skipped = {}  # {"kind/name": why}: variants that do not work here; filled in by `check`

    def variants(self):
        """→ {kind: {name: function that builds and returns what is called}}."""
        raise NotImplementedError

    def solvers(self):
        """→ {name: function of the setting}; its results are a dict of "lambda_1", "products" and "vector", flat in brink's order."""
        return {}

    def move_to(self, theta):
        """Sets the parameters, a flat vector; outside of what is timed."""
        raise NotImplementedError

    def check(self):
        """Skips variants that do not work, and adds the reason to `skipped`. → the values that the driver compares."""
        raise NotImplementedError


class Calls:
    """Built variants of one kind at a time: a graph that is kept for products takes gigabytes."""

    def __init__(self, variants):
        self.variants, self.kind, self.built = variants, None, {}

    def of(self, kind, name):
        if kind != self.kind:
            self.kind, self.built = kind, {}
        if name not in self.built:
            self.built[name] = self.variants[kind][name]()
        return self.built[name]


def flat(tree):
    return np.concatenate([np.asarray(a).ravel() for a in tree])


def eigenpair(apply_flat, start, tolerance, basis=None):
    """SciPy's ARPACK on v ↦ H v with `basis` vectors (None: SciPy's choice, 20). → λ₁, its vector, products used"""
    from scipy.sparse.linalg import LinearOperator, eigsh

    products = 0

    def matvec(vector):
        nonlocal products
        products += 1
        return apply_flat(np.ascontiguousarray(vector, dtype=np.float32).ravel())

    n = start.size
    operator = LinearOperator((n, n), matvec=matvec, dtype=np.float32)
    values, vectors = eigsh(operator, k=1, which="LA", tol=tolerance, v0=start, ncv=basis)
    return float(values[0]), np.ascontiguousarray(vectors[:, 0]), products


def largest_eigenvalue(apply_flat, start, tolerance=LANCZOS_TOLERANCE, basis=None):
    """→ λ₁, products used, true relative residual ‖Hu − λu‖ / λ."""
    value, u, products = eigenpair(apply_flat, start, tolerance, basis)
    residual = float(np.linalg.norm(apply_flat(u) - value * u)) / abs(value)
    return value, products, residual


def arpack_variants(make_apply, start):
    """ARPACK looks at its residual only when a basis is full, so the basis decides the number of products.

    make_apply() → v ↦ H v on flat vectors.
    """

    def variant(basis):
        def build():
            apply_flat = make_apply()

            def call():
                value, products, residual = largest_eigenvalue(apply_flat, start, basis=basis)
                return {"info": {"lambda_1": value, "products": products, "residual": residual}}

            return call

        return build

    return {f"arpack_basis_{basis}": variant(basis) for basis in (4, 8, 20)}


def check_values(work, loss, gradient, hvp, hvp_linearized, loss_after, apply_flat):
    """What the driver compares between systems, to see that the work is the same."""
    g, h, k = (np.asarray(a, np.float64) for a in (gradient, hvp, hvp_linearized))
    v = work.v.astype(np.float64)
    values = {
        "loss": float(loss),
        "gradient_norm": float(np.linalg.norm(g)),
        "gradient_v": float(g @ v),
        "hvp_norm": float(np.linalg.norm(h)),
        "v_h_v": float(v @ h),
        "hvp_linearized_norm": float(np.linalg.norm(k)),
        "loss_after_gd": float(loss_after),
    }
    if work.spectrum:
        values["lambda_1"] = largest_eigenvalue(apply_flat, work.v, 1e-5)[0]
    return values


def timed(call, repeat):
    """Runs call() `repeat` times. → milliseconds of wall clock, milliseconds of processor time, the last result."""
    wall, cpu, result = [], [], None
    for _ in range(repeat):
        c, t = time.process_time_ns(), time.perf_counter_ns()
        result = call()
        wall.append((time.perf_counter_ns() - t) * 1e-6)
        cpu.append((time.process_time_ns() - c) * 1e-6)
    return wall, cpu, result


def anonymous_bytes(mark):
    """The bytes of "VmHWM" (the maximum since the last reset) or "VmRSS" (now), without what is mapped from files."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    kib = {key: int(rest.split()[0]) for key, rest in (line.split(":", 1) for line in lines) if key in (mark, "RssFile")}
    return 1024 * (kib[mark] - kib["RssFile"])


def peak_memory(build, before):
    """build() → call. → bytes above `before` in the first call, and in a later one."""
    call = build()
    call()
    first = anonymous_bytes("VmHWM") - before
    call()
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    call()
    return {"peak_bytes": anonymous_bytes("VmHWM") - before, "first_peak_bytes": first}


def serve(make):
    """make(Workload) → Peer. A call may return {"divide": K, "info": {…}}: its time is divided by K, the info passed on."""
    out, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not break the protocol
    peer, calls, solvers, before, offered = None, None, {}, 0, {}

    def setup(request):
        nonlocal peer, calls, solvers
        peer = make(Workload(request["setup"]))
        values, variants = peer.check(), peer.variants()
        calls = Calls(variants)
        listed = {kind: list(variants[kind]) for kind in request["setup"]["kinds"] if variants.get(kind)}
        if "lambda_1" in request["setup"]["kinds"]:
            solvers = peer.solvers()
            listed["lambda_1"] = list(solvers)
        return {"ready": True, "versions": peer.versions, "values": values, "skipped": peer.skipped, "variants": listed}

    def lambda_1(request):
        peer.move_to(np.fromfile(request["theta"], "<f4"))
        solve = solvers[request["lambda_1"]]
        wall, cpu, found = timed(lambda: solve(request["setting"]), 1)
        np.asarray(found.pop("vector"), "<f4").tofile(request["vector"])
        return {"ms": wall[0], "cpu_ms": cpu[0], **found}

    def residual(request):
        return {"residual": peer.residual(*(np.fromfile(request[key], "<f4") for key in ("theta", "residual")), request["lambda_1"])}

    def power_iterations(request):
        peer.move_to(np.fromfile(request["theta"], "<f4"))
        return {"products": peer.power_iterations(request["power_iterations"], request["residuals"])}

    def run(request):
        wall, cpu, result = timed(calls.of(request["run"], request["variant"]), request["repeat"])
        result = result if isinstance(result, dict) else {}
        steps = result.get("divide", 1)
        return {"ms": [t / steps for t in wall], "cpu_ms": [t / steps for t in cpu], "info": result.get("info", {})}

    def memory(request):
        nonlocal before, offered
        work = Workload(request["memory"])
        before = anonymous_bytes("VmRSS")
        offered = make(work).variants()[request["kind"]]
        return {"variants": list(offered)}

    def peak(request):
        return peak_memory(offered[request["peak"]], before)

    answers = {"setup": setup, "power_iterations": power_iterations, "residual": residual, "lambda_1": lambda_1, "run": run, "memory": memory, "peak": peak}
    for line in sys.stdin:
        request = json.loads(line)
        answer = next(answers[key] for key in answers if key in request)
        print(json.dumps(answer(request)), file=out, flush=True)
