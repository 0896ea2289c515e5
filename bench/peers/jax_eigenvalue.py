# SPDX-License-Identifier: MIT
"""The largest eigenvalue in JAX, from the workload's v: Lanczos with full reorthogonalisation, and SciPy's eigsh, both around a compiled
linearised product. A whole Lanczos as one compiled loop takes ten times as long (docs/experiments.md)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from worker import eigenpair, flat

MOST = 256  # vectors of the loop's basis
BASES = (4, 8, 20)  # vectors that ARPACK holds


class Solvers:
    def __init__(self, peer):
        self.peer = peer
        flat_v, self.unravel = ravel_pytree(peer.v)
        self.start = flat_v / jnp.linalg.norm(flat_v)

        @jax.jit
        def step(tangent, basis, k):
            """One product and two sweeps of Gram–Schmidt. → the basis with its next vector, α, β"""
            w = ravel_pytree(tangent(self.unravel(basis[k])))[0]
            alpha = w @ basis[k]
            for _sweep in range(2):
                w = w - basis.T @ (basis @ w)
            beta = jnp.linalg.norm(w)
            return basis.at[k + 1].set(w / beta), alpha, beta

        self.step = step

    def by_name(self):
        """→ {name: function of the setting}."""
        out = {"lanczos": self.lanczos}
        out.update({f"arpack_basis_{basis}": lambda tolerance, basis=basis: self.arpack(tolerance, basis) for basis in BASES})
        return out

    def linearize(self):
        return jax.block_until_ready(self.peer.linearize(self.peer.theta, *self.peer.batch))

    def lanczos(self, tolerance):
        """Stops when |β s_m| ≤ tolerance · λ₁, which is looked at after each product."""
        tangent = self.linearize()
        basis = jnp.zeros((MOST + 1, self.start.size), jnp.float32).at[0].set(self.start)
        alphas, betas = [], []
        for k in range(MOST):
            basis, alpha, beta = self.step(tangent, basis, k)
            alphas.append(float(alpha))
            betas.append(float(beta))
            values, vectors = np.linalg.eigh(np.diag(alphas) + np.diag(betas[:-1], 1) + np.diag(betas[:-1], -1))
            if abs(betas[-1] * vectors[-1, -1]) <= tolerance * abs(values[-1]):
                break
        weights = jnp.asarray(vectors[:, -1], jnp.float32)
        return {"lambda_1": float(values[-1]), "products": len(alphas), "vector": np.asarray(weights @ basis[: len(alphas)])}

    def arpack(self, tolerance, basis):
        tangent = self.linearize()
        apply_flat = lambda v: flat(self.peer.apply(tangent, self.peer.tree(v)))
        value, vector, products = eigenpair(apply_flat, self.peer.work.v, tolerance, basis)
        return {"lambda_1": value, "products": products, "vector": vector}
