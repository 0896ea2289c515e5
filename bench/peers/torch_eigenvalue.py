# SPDX-License-Identifier: MIT
"""The largest eigenvalue by PyHessian and by curvlinops with SciPy's eigsh, both from the workload's v, and the residual in float64
by which all solvers of all systems are judged.

Both libraries take a module and one batch. PyHessian calls model.eval() and curvlinops does not; here GhostBatchNorm has no other mode
than that of training, so both take the Hessian of the loss that gradient descent minimises.
"""

import sys
import time
from unittest import mock

import curvlinops
import numpy as np
import pyhessian
import torch

from torch_networks import Form, batch_tensor, flat, forms_of, logits_of, parameter_tensor
from worker import eigenpair

pyhessian_module = sys.modules["pyhessian.hessian"]  # the package's attribute of that name is the class
BASES = (4, 8, 20)  # vectors that ARPACK holds; it looks at its residual only when these are full


class Network(torch.nn.Module):
    """The workload's network in one form."""

    def __init__(self, work, form):
        super().__init__()
        self.logits, self.form, self.work = logits_of(work.network, form), form, work
        self.theta = torch.nn.ParameterList(self.tensors(work.theta))

    def tensors(self, vector):
        return [parameter_tensor(part, self.form, "cpu") for part in self.work.tree(vector)]

    def forward(self, x):
        return self.logits(list(self.theta), x)


class Solvers:
    """The libraries' solvers, each in the form of the network whose products it computes fastest."""

    def __init__(self, work, skipped):
        self.work = work
        self.criterion = torch.nn.CrossEntropyLoss()
        self.networks = {form: Network(work, form) for form in forms_of(work.network)}
        self.batches = {form: (batch_tensor(work.x, form, "cpu"), torch.from_numpy(work.labels).long()) for form in self.networks}
        self.forms = {name: self.fastest(name, product, skipped)
                      for name, product in [("pyhessian", self.pyhessian_product), ("curvlinops", self.curvlinops_product)]}

    def fastest(self, name, product, skipped):
        """The first form is the reference; one whose product differs from it or that fails is skipped, with the reason."""
        expected, took = None, {}
        for form in self.networks:
            try:
                start = time.process_time()
                value = product(form)
                took[form] = time.process_time() - start
                expected = value if expected is None else expected
                error = np.abs(value - expected).max() / np.abs(expected).max()
                if not error < 1e-2:
                    raise ArithmeticError(f"differs from the first form by {error:.1e} of its largest element")
            except Exception as why:  # which operations a library's transformations take differs between versions
                took.pop(form, None)
                skipped[f"lambda_1/{name}{form.suffix}"] = f"{type(why).__name__}: {why}".splitlines()[0]
        if not took:
            raise RuntimeError(f"{name} computes no product: {skipped}")
        best = min(took, key=took.get)
        for form in took.keys() - {best}:
            skipped[f"lambda_1/{name}{form.suffix}"] = f"{took[form]:.2f} s for one product, {name}{best.suffix} {took[best]:.2f} s"
        return best

    def move_to(self, theta):
        with torch.no_grad():
            for network in self.networks.values():
                for p, new in zip(network.theta, network.tensors(theta)):
                    p.copy_(new)

    def by_name(self):
        """→ {name: function of the setting}."""
        out = {"pyhessian": lambda products: self.pyhessian(maxIter=int(products), tol=0.0),
               "pyhessian_by_its_default": lambda _: self.pyhessian()}
        out.update({f"curvlinops_basis_{basis}": lambda tolerance, basis=basis: self.curvlinops(tolerance, basis) for basis in BASES})
        return out

    # PyHessian: power iteration with products of a kept graph.

    def pyhessian_of(self, form):
        return pyhessian.hessian(self.networks[form], self.criterion, data=self.batches[form], cuda=False)

    def release(self, form):
        """backward(create_graph=True) leaves gradients that hold their graph."""
        for p in self.networks[form].parameters():
            p.grad = None

    def pyhessian_product(self, form):
        of = self.pyhessian_of(form)
        product = flat(pyhessian_module.hessian_vector_product(of.gradsH, of.params, self.networks[form].tensors(self.work.v)))
        self.release(form)
        return product

    def pyhessian(self, **limits):
        """Its own method. Its start is drawn by torch.randn, which here gives the workload's v."""
        form, products = self.forms["pyhessian"], 0
        original = pyhessian_module.hessian_vector_product

        def counted(*arguments):
            nonlocal products
            products += 1
            return original(*arguments)

        of = self.pyhessian_of(form)
        with mock.patch.object(torch, "randn", side_effect=self.networks[form].tensors(self.work.v)), \
                mock.patch.object(pyhessian_module, "hessian_vector_product", counted):
            values, vectors = of.eigenvalues(top_n=1, **limits)
        self.release(form)
        return {"lambda_1": values[0], "products": products, "vector": flat(vectors[0])}

    def power_iterations(self, residuals, most=1000):
        """→ for each residual the products after which PyHessian's λ and vector have it, or None beyond `most`.

        After k products its vector is y = Hv/‖Hv‖ of the k-th, and its λ is vᵀHv; the next product gives Hy.
        """
        form = self.forms["pyhessian"]
        of, found = self.pyhessian_of(form), {}
        v, value = flat(self.networks[form].tensors(self.work.v)), None
        for k in range(most + 1):
            hv = flat(pyhessian_module.hessian_vector_product(of.gradsH, of.params, self.networks[form].tensors(v)))
            if value:
                residual = np.linalg.norm(hv - value * v) / abs(value)
                found.update({r: k for r in residuals if r not in found and residual <= r})
                if len(found) == len(residuals):
                    break
            value, v = float(hv @ v), hv / np.linalg.norm(hv)
        self.release(form)
        return [found.get(r) for r in residuals]

    # curvlinops: products from scratch, forward over reverse, wrapped for SciPy.

    def operator(self, form):
        network = self.networks[form]
        return curvlinops.HessianLinearOperator(network, self.criterion, list(network.parameters()), [self.batches[form]],
                                                check_deterministic=False)

    def flat_of_library(self, vector, form):
        return torch.cat([t.reshape(-1) for t in self.networks[form].tensors(vector)])

    def to_flat(self, vector, form):
        parts, at = [], 0
        for p in self.networks[form].parameters():
            parts.append(torch.from_numpy(vector[at:at + p.numel()]).reshape(p.shape))
            at += p.numel()
        return flat(parts)

    def curvlinops_product(self, form):
        return self.to_flat((self.operator(form) @ self.flat_of_library(self.work.v, form)).numpy(), form)

    def curvlinops(self, tolerance, basis):
        form = self.forms["curvlinops"]
        operator = self.operator(form).to_scipy(dtype=np.float32)
        value, vector, products = eigenpair(operator.matvec, self.flat_of_library(self.work.v, form).numpy(), tolerance, basis)
        return {"lambda_1": value, "products": products, "vector": self.to_flat(vector, form)}


def residual_in_float64(work, theta, vector, value, groups_at_once=8):
    """‖Hy − λy‖ ÷ (|λ|‖y‖) for the float32 numbers θ and y, by double backward in float64; whole ghost groups at a time."""
    form, logits = Form(), logits_of(work.network, Form())
    tensors = lambda flat_vector: [parameter_tensor(part, form, "cpu").double() for part in work.tree(flat_vector)]
    theta, y = [t.requires_grad_() for t in tensors(theta)], tensors(vector)
    x, labels = batch_tensor(work.x, form, "cpu"), torch.from_numpy(work.labels).long()
    rows = groups_at_once * work.network.get("ghost_batch", 32)
    product = 0.0
    for at in range(0, work.samples, rows):
        loss = torch.nn.functional.cross_entropy(logits(theta, x[at:at + rows].double()), labels[at:at + rows], reduction="sum")
        gradient = torch.autograd.grad(loss / work.samples, theta, create_graph=True)
        product = product + flat(torch.autograd.grad(gradient, theta, y))
    y = flat(y)
    return float(np.linalg.norm(product - value * y) / (abs(value) * np.linalg.norm(y)))
