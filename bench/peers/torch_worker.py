# SPDX-License-Identifier: MIT
"""The workload in PyTorch, in every way that is recommended as fast.

All variants are timed in every round, and the driver takes the fastest by its median. torch.compile's variants are skipped by
name if its compiler does not work or is not requested. For a network with several forms, a form that is a fifth
slower than another at the first look is skipped. On a GPU a call ends when its work has ended, and steps of gradient descent also run as
one captured graph.
"""

import functools
import time

import numpy as np
import torch

from torch_networks import batch_tensor, flat, forms_of, logits_of, parameter_tensor
from worker import Peer, arpack_variants, check_values, serve

TOO_SLOW = 1.2  # times the fastest variant of the kind, for networks of several forms


class Bound:
    """The workload in one form: tensors, and the loss as a function of the parameters."""

    def __init__(self, work, form):
        self.work, self.form, self.device = work, form, torch.device(work.device)
        self.x = batch_tensor(work.x, form, self.device)
        self.labels = torch.from_numpy(work.labels).long().to(self.device)
        self.theta = [t.requires_grad_() for t in self.tree(work.theta)]
        self.plain = [t.detach() for t in self.theta]
        self.v = self.tree(work.v)
        self.logits = logits_of(work.network, form)
        self.grad_of = torch.func.grad(self.mean_loss)

    def tree(self, vector):
        return [parameter_tensor(part, self.form, self.device) for part in self.work.tree(vector)]

    def mean_loss(self, theta):
        return torch.nn.functional.cross_entropy(self.logits(theta, self.x), self.labels)

    def gradient(self, loss=None):
        value = (loss or self.mean_loss)(self.theta)
        return torch.autograd.grad(value, self.theta), value

    def gradient_graph(self):
        return torch.autograd.grad(self.mean_loss(self.theta), self.theta, create_graph=True)

    def double_backward(self):
        return torch.autograd.grad(self.gradient_graph(), self.theta, self.v)

    def jvp_of_grad(self, v):
        return torch.func.jvp(self.grad_of, (self.plain,), (v,))[1]

    def kept_double_backward(self):
        graph = self.gradient_graph()
        return lambda v: torch.autograd.grad(graph, self.theta, v, retain_graph=True)

    def linearized(self, compile_it):
        _, tangent = torch.func.linearize(lambda *t: tuple(self.grad_of(list(t))), *self.plain)
        if compile_it:
            tangent = torch.compile(tangent)
        return lambda: tangent(*self.v)

    # Steps of gradient descent. They have their own parameters, which are reset in each call.

    def descent(self, gradient_at, parameters):
        """gradient_at(parameters) → gradient."""

        def call():
            for p, start in zip(parameters, self.plain):
                p.detach().copy_(start)
            for _ in range(self.work.gd_steps):
                with torch.no_grad():
                    gradient = gradient_at(parameters)
                    torch._foreach_add_([p.detach() for p in parameters], gradient, alpha=-self.work.learning_rate)
            return {"divide": self.work.gd_steps}

        return call

    def eager_descent(self, loss=None, parameters=None):
        def gradient_at(parameters):
            with torch.enable_grad():
                return torch.autograd.grad((loss or self.mean_loss)(parameters), parameters)

        return self.descent(gradient_at, parameters or [t.requires_grad_() for t in self.tree(self.work.theta)])

    def graphed_descent(self):
        """One step captured, replayed gd_steps times."""
        parameters = [t.requires_grad_() for t in self.tree(self.work.theta)]

        def step():
            gradient = torch.autograd.grad(self.mean_loss(parameters), parameters)
            with torch.no_grad():
                torch._foreach_add_([p.detach() for p in parameters], gradient, alpha=-self.work.learning_rate)

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()

        def call():
            for p, start in zip(parameters, self.plain):
                p.detach().copy_(start)
            for _ in range(self.work.gd_steps):
                graph.replay()
            return {"divide": self.work.gd_steps}

        return call

    # Compiled functions, compiled once for all their uses.

    @functools.cached_property
    def compiled_loss(self):
        return torch.compile(self.mean_loss)

    @functools.cached_property
    def compiled_gradient(self):
        return torch.compile(torch.func.grad_and_value(self.mean_loss))

    @functools.cached_property
    def compiled_hvp(self):
        return torch.compile(self.jvp_of_grad)


def plain_variants(b):
    def kept():
        product = b.kept_double_backward()
        return lambda: product(b.v)

    return {
        "gradient": {"eager": lambda: b.gradient},
        "hvp": {"double_backward": lambda: b.double_backward, "jvp_of_grad": lambda: lambda: b.jvp_of_grad(b.v)},
        "hvp_linearized": {"kept_double_backward": kept, "linearize": lambda: b.linearized(False)},
        "gd_step": {"eager": b.eager_descent},
    }


def compiled_variants(b):
    return {
        "gradient": {"compiled_loss": lambda: lambda: b.gradient(b.compiled_loss),
                     "compiled_gradient": lambda: lambda: b.compiled_gradient(b.plain)},
        "hvp": {"compiled_jvp_of_grad": lambda: lambda: b.compiled_hvp(b.v)},
        "hvp_linearized": {"compiled_linearize": lambda: b.linearized(True)},
        "gd_step": {"compiled_loss": lambda: b.eager_descent(b.compiled_loss),
                    "compiled_gradient": lambda: b.descent(lambda p: b.compiled_gradient(p)[0], b.tree(b.work.theta))},
    }


class Torch(Peer):
    versions = {"torch": torch.__version__, "numpy": np.__version__}

    def __init__(self, work):
        torch.set_num_threads(work.threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self.work, self.skipped = work, {}
        self.bound = [Bound(work, form) for form in forms_of(work.network)]

    def variants(self):
        """Also the plain form's compiled variants: a compiler chooses layout and fusion itself."""
        plain = self.bound[0]
        out = {kind: {} for kind in ("gradient", "hvp", "hvp_linearized", "gd_step")}

        def add(more, suffix=""):
            for kind, names in more.items():
                for name, build in names.items():
                    if f"{kind}/{name}{suffix}" not in self.skipped:
                        out[kind][name + suffix] = self.waiting(build)

        for b in self.bound:
            add(plain_variants(b), b.form.suffix)
        if self.work.compile:
            add(compiled_variants(plain))
        if self.work.device == "cuda":
            add({"gd_step": {"cuda_graph": plain.graphed_descent}})
        if self.work.spectrum:
            out["lanczos"] = arpack_variants(self.make_apply, self.work.v)
        return out

    def waiting(self, build):
        if self.work.device != "cuda":
            return build

        def build_waiting():
            call = build()

            def call_and_wait():
                result = call()
                torch.cuda.synchronize()
                return result

            return call_and_wait

        return build_waiting

    def solvers(self):
        from torch_eigenvalue import Solvers  # PyHessian and curvlinops are loaded only where they are asked for

        self.eigenvalue = Solvers(self.work, self.skipped)
        return self.eigenvalue.by_name()

    def move_to(self, theta):
        self.eigenvalue.move_to(theta)

    def power_iterations(self, name, residuals):
        if name != "pyhessian":
            raise ValueError(f"{name} does not iterate by powers; pyhessian does")
        return self.eigenvalue.power_iterations(residuals)

    def residual(self, theta, vector, value):
        from torch_eigenvalue import residual_in_float64

        return residual_in_float64(self.work, theta, vector, value)

    def make_apply(self):
        b = self.bound[0]
        product = b.kept_double_backward()
        return lambda vector: flat(product(b.tree(vector)))

    def check(self):
        b = self.bound[0]
        gradient, loss = b.gradient()
        apply_flat = self.make_apply()
        reference = {"gradient": flat(gradient), "hvp": flat(b.double_backward()), "hvp_linearized": apply_flat(self.work.v)}
        moving = [t.requires_grad_() for t in b.tree(self.work.theta)]
        b.eager_descent(parameters=moving)()
        values = check_values(self.work, loss.item(), *reference.values(), b.mean_loss(moving).item(), apply_flat)
        del apply_flat
        for kind, names in self.variants().items():
            if kind in self.work.kinds and kind != "lanczos":
                self.try_variants(kind, names, reference.get(kind))
        if not self.work.compile:
            self.skipped.update({f"{kind}/{name}": "not asked for (--no-compile)" for kind, names in compiled_variants(b).items()
                                 if kind in self.work.kinds for name in names})
        return values

    def try_variants(self, kind, names, expected):
        """Of networks of several forms, only those near the fastest continue. Measured on one thread by processor time, because
        other programs may run, and waiting threads would be counted."""
        took_ms = {}
        torch.set_num_threads(1)
        for name, build in names.items():
            try:
                call = build()
                start = time.process_time()
                result = call()
                took_ms[name] = (time.process_time() - start) * 1e3
                if expected is not None:
                    expect_same(flat(result[0] if kind == "gradient" else result), expected, self.work.network)
            except Exception as error:  # which operations work here differs between versions; the driver prints the reason
                took_ms.pop(name, None)
                self.skipped[f"{kind}/{name}"] = f"{type(error).__name__}: {error}".splitlines()[0]
        torch.set_num_threads(self.work.threads)
        plain = [name for name in took_ms if not name.startswith("compiled")]
        best = min(plain, key=took_ms.get)
        for name in plain:
            if len(self.bound) > 1 and took_ms[name] > TOO_SLOW * took_ms[best]:
                self.skipped[f"{kind}/{name}"] = f"{took_ms[name]:.0f} ms in the first look, {best} {took_ms[best]:.0f} ms"


def expect_same(got, expected, network):
    """Raises ArithmeticError if two variants differ by more than float32 explains. With normalisation that is more, because activations
    are close to a kink."""
    most = 1e-2 if "ghost_batch" in network else 1e-3
    error = float(np.abs(got - expected).max() / np.abs(expected).max())
    if not error < most:
        raise ArithmeticError(f"differs from the first variant by {error:.2e} of its largest element")


serve(Torch)
