# SPDX-License-Identifier: MIT
"""What it is: the workload in PyTorch, in every way that its users are told is fast. What it is not: one chosen way.

Decision: all variants are timed, in every round, and the driver takes the fastest by its median; torch.compile's
variants are skipped by name where its compiler does not work or is not asked for. On a GPU a call ends when its work has ended,
and steps of gradient descent come as one captured graph too.
"""

import numpy as np
import torch

from worker import arpack_variants, check_values, largest_eigenvalue, serve


def make(work):
    torch.set_num_threads(work.threads)
    device, on_gpu = torch.device(work.device), work.device == "cuda"
    torch.backends.cuda.matmul.allow_tf32 = False
    x, labels = torch.from_numpy(work.x).to(device), torch.from_numpy(work.labels).long().to(device)
    tree = lambda a: [torch.from_numpy(np.array(part)).to(device) for part in work.tree(a)]
    theta, v = [t.requires_grad_() for t in tree(work.theta)], tree(work.v)
    plain = [t.detach() for t in theta]
    flat = lambda parts: torch.cat([p.detach().reshape(-1) for p in parts]).cpu().numpy()

    def mean_loss(theta):
        h = x
        for i in range(0, len(theta), 2):
            h = torch.addmm(theta[i + 1], h, theta[i])
            if i + 2 < len(theta):
                h = torch.relu(h)
        return torch.nn.functional.cross_entropy(h, labels)

    grad_of = torch.func.grad(mean_loss)
    compiled_loss = torch.compile(mean_loss)
    compiled_gradient = torch.compile(torch.func.grad_and_value(mean_loss))

    def eager_gradient(loss=mean_loss):
        value = loss(theta)
        return torch.autograd.grad(value, theta), value

    def double_backward():
        g = torch.autograd.grad(mean_loss(theta), theta, create_graph=True)
        return torch.autograd.grad(g, theta, v)

    def jvp_of_grad(v):
        return torch.func.jvp(grad_of, (plain,), (v,))[1]

    compiled_hvp = torch.compile(jvp_of_grad)
    kept_graph = torch.autograd.grad(mean_loss(theta), theta, create_graph=True)
    kept = lambda v: torch.autograd.grad(kept_graph, theta, v, retain_graph=True)

    def descend(gradient, parameters):
        for p, start in zip(parameters, tree(work.theta)):
            p.detach().copy_(start)
        for _ in range(work.gd_steps):
            with torch.no_grad():
                torch._foreach_add_([p.detach() for p in parameters], gradient(), alpha=-work.learning_rate)

    def gd(gradient, parameters):
        def call():
            descend(gradient, parameters)
            return {"divide": work.gd_steps}

        return call

    def gradient_of(parameters, loss):
        def call():
            with torch.enable_grad():
                return torch.autograd.grad(loss(parameters), parameters)

        return call

    def graphed_gd():
        """One step captured, replayed gd_steps times."""
        parameters = [t.requires_grad_() for t in tree(work.theta)]

        def step():
            gradient = torch.autograd.grad(mean_loss(parameters), parameters)
            with torch.no_grad():
                torch._foreach_add_([p.detach() for p in parameters], gradient, alpha=-work.learning_rate)

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
            for p, start in zip(parameters, tree(work.theta)):
                p.detach().copy_(start)
            for _ in range(work.gd_steps):
                graph.replay()
            return {"divide": work.gd_steps}

        return call

    moving = [t.requires_grad_() for t in tree(work.theta)]
    moving_plain = tree(work.theta)

    def linearized(compile_it):
        _, tangent = torch.func.linearize(lambda *t: tuple(grad_of(list(t))), *plain)
        if compile_it:
            tangent = torch.compile(tangent)
        return lambda: tangent(*v)

    calls = {
        "gradient": {
            "eager": lambda: eager_gradient(),
            "compiled_loss": lambda: eager_gradient(compiled_loss),
            "compiled_gradient": lambda: compiled_gradient(plain),
        },
        "hvp": {
            "double_backward": double_backward,
            "jvp_of_grad": lambda: jvp_of_grad(v),
            "compiled_jvp_of_grad": lambda: compiled_hvp(v),
        },
        "hvp_linearized": {"kept_double_backward": lambda: kept(v)},
        "gd_step": {
            "eager": gd(gradient_of(moving, mean_loss), moving),
            "compiled_loss": gd(gradient_of(moving, compiled_loss), moving),
            "compiled_gradient": gd(lambda: compiled_gradient(moving_plain)[0], moving_plain),
        },
    }
    skipped = {}
    if on_gpu:
        try:
            calls["gd_step"]["cuda_graph"] = graphed_gd()
        except Exception as error:
            skipped["gd_step/cuda_graph"] = f"{type(error).__name__}: {error}".splitlines()[0]
    for name, compile_it in (("linearize", False), ("compiled_linearize", True)):
        try:
            calls["hvp_linearized"][name] = linearized(compile_it)
        except Exception as error:  # each version supports other operations here; the driver prints the reason
            skipped[f"hvp_linearized/{name}"] = f"{type(error).__name__}: {error}".splitlines()[0]
    reference = {"gradient": flat(eager_gradient()[0]), "hvp": flat(double_backward()), "hvp_linearized": flat(kept(v))}
    for kind, variants in calls.items():
        for name, call in list(variants.items()):
            if name.startswith("compiled") and not work.compile:
                skipped[f"{kind}/{name}"] = "not asked for (--no-compile)"
                del variants[name]
                continue
            try:
                result = call()
                if kind in reference:
                    check_variant(flat(result[0] if kind == "gradient" else result), reference[kind])
                call()
            except Exception as error:
                skipped[f"{kind}/{name}"] = f"{type(error).__name__}: {error}".splitlines()[0]
                del variants[name]

    apply_flat = lambda vector: flat(kept(tree(vector)))

    calls["lanczos"] = arpack_variants(apply_flat, work.v)
    descend(gradient_of(moving, mean_loss), moving)
    values = check_values(work, eager_gradient()[1].item(), reference["gradient"], reference["hvp"],
                          reference["hvp_linearized"], mean_loss(moving).item(),
                          largest_eigenvalue(apply_flat, work.v, 1e-5)[0])
    if on_gpu:
        calls = {kind: {name: waiting(call) for name, call in variants.items()} for kind, variants in calls.items()}
    return {"torch": torch.__version__, "numpy": np.__version__}, values, calls, skipped


def waiting(call):
    def and_wait():
        result = call()
        torch.cuda.synchronize()
        return result

    return and_wait


def check_variant(got, expected):
    error = float(np.abs(got - expected).max() / np.abs(expected).max())
    if not error < 1e-3:
        raise ArithmeticError(f"differs from the first variant by {error:.2e} of its largest element")


serve(make)
