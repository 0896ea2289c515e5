# SPDX-License-Identifier: MIT
"""The workload in JAX, in the fastest way that its users write it.

The cross-entropy takes the label's logit by a one-hot product, because XLA on the processor differentiates a gather into a slow
scatter. The driver sets the threads through the process's affinity and XLA_FLAGS.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from jax_networks import logits_of
from worker import Peer, arpack_variants, check_values, flat, serve


class Jax(Peer):
    versions = {"jax": jax.__version__, "jaxlib": jax.lib.__version__, "numpy": np.__version__}

    def __init__(self, work):
        if work.device == "cuda":
            jax.config.update("jax_default_matmul_precision", "highest")  # float32: XLA's default on a GPU is TF32
        found = jax.devices()[0].platform
        if (found == "cpu") != (work.device == "cpu"):
            raise RuntimeError(f"expected JAX on {work.device}, found it on {found}")
        self.work = work
        self.batch = jnp.asarray(work.x), jnp.asarray(work.labels)
        self.theta, self.v = self.tree(work.theta), self.tree(work.v)
        logits = logits_of(work.network)

        def mean_loss(theta, x, labels):
            logs = jax.nn.log_softmax(logits(theta, x))
            return -jnp.sum(logs * jax.nn.one_hot(labels, work.classes, dtype=logs.dtype)) / labels.shape[0]

        @jax.jit
        def hvp(theta, v, x, labels):
            return jax.jvp(lambda t: jax.grad(mean_loss)(t, x, labels), (theta,), (v,))[1]

        @jax.jit
        def linearize(theta, x, labels):  # the tangent program comes back as a pytree whose leaves are the residuals
            return jax.linearize(lambda t: jax.grad(mean_loss)(t, x, labels), theta)[1]

        @functools.partial(jax.jit, static_argnames="steps")
        def descend(theta, x, labels, rate, steps):
            def step(t, _):
                loss, g = jax.value_and_grad(mean_loss)(t, x, labels)
                return [a - rate * b for a, b in zip(t, g)], loss

            return jax.lax.scan(step, theta, length=steps)

        self.mean_loss, self.gradient = jax.jit(mean_loss), jax.jit(jax.value_and_grad(mean_loss))
        self.hvp, self.linearize, self.descend = hvp, linearize, descend
        self.apply = jax.jit(lambda tangent, v: tangent(v))

    def tree(self, vector):
        return [jnp.asarray(a) for a in self.work.tree(vector)]

    def make_apply(self):
        tangent = jax.block_until_ready(self.linearize(self.theta, *self.batch))
        return lambda vector: flat(self.apply(tangent, self.tree(vector)))

    def variants(self):
        wait, rate, steps = jax.block_until_ready, jnp.float32(self.work.learning_rate), self.work.gd_steps

        def linearized():
            tangent = wait(self.linearize(self.theta, *self.batch))
            return lambda: wait(self.apply(tangent, self.v))

        def gd():
            wait(self.descend(self.theta, *self.batch, rate, steps))
            return {"divide": steps}

        return {
            "gradient": {"jit": lambda: lambda: wait(self.gradient(self.theta, *self.batch))},
            "hvp": {"jvp_of_grad": lambda: lambda: wait(self.hvp(self.theta, self.v, *self.batch))},
            "hvp_linearized": {"linearize": linearized},
            "gd_step": {"scan": lambda: gd},
            "lanczos": arpack_variants(self.make_apply, self.work.v),
        }

    def solvers(self):
        from jax_eigenvalue import Solvers  # only where it is asked for

        self.eigenvalue = Solvers(self)
        return self.eigenvalue.by_name()

    def move_to(self, theta):
        self.theta = jax.block_until_ready(self.tree(theta))

    def after_descent(self):
        """θ after the steps; one by one if their loop is not timed, because XLA's convolutions are slower in a loop."""
        if "gd_step" in self.work.kinds:
            return self.descend(self.theta, *self.batch, jnp.float32(self.work.learning_rate), self.work.gd_steps)[0]
        theta = self.theta
        for _ in range(self.work.gd_steps):
            theta = [a - self.work.learning_rate * b for a, b in zip(theta, self.gradient(theta, *self.batch)[1])]
        return theta

    def check(self):
        loss, g = self.gradient(self.theta, *self.batch)
        apply_flat = self.make_apply()
        return check_values(self.work, loss, flat(g), flat(self.hvp(self.theta, self.v, *self.batch)), apply_flat(self.work.v),
                            self.mean_loss(self.after_descent(), *self.batch), apply_flat)


serve(Jax)
