# SPDX-License-Identifier: MIT
"""What it is: the workload in JAX, the way its users write it fastest. What it is not: a port of brink's code.

Decision: the cross-entropy takes the label's logit by a one-hot product, because XLA on the processor differentiates a
gather into a slow scatter. The threads are set by the driver, through the process's affinity and XLA_FLAGS.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from worker import arpack_variants, check_values, flat, largest_eigenvalue, serve


def make(work):
    if work.device == "cuda":
        jax.config.update("jax_default_matmul_precision", "highest")  # float32: XLA's own choice on a GPU is TF32
    found = jax.devices()[0].platform
    if (found == "cpu") != (work.device == "cpu"):
        raise RuntimeError(f"asked for {work.device}, JAX runs on {found}")
    classes = work.widths[-1]
    x, labels = jnp.asarray(work.x), jnp.asarray(work.labels)
    theta = [jnp.asarray(a) for a in work.tree(work.theta)]
    v = [jnp.asarray(a) for a in work.tree(work.v)]

    def mean_loss(theta, x, labels):
        h = x
        for i in range(0, len(theta), 2):
            h = h @ theta[i] + theta[i + 1]
            if i + 2 < len(theta):
                h = jax.nn.relu(h)
        logs = jax.nn.log_softmax(h)
        return -jnp.sum(logs * jax.nn.one_hot(labels, classes, dtype=logs.dtype)) / labels.shape[0]

    gradient = jax.jit(jax.value_and_grad(mean_loss))

    @jax.jit
    def hvp(theta, v, x, labels):
        return jax.jvp(lambda t: jax.grad(mean_loss)(t, x, labels), (theta,), (v,))[1]

    @jax.jit
    def linearize(theta, x, labels):  # the tangent program comes back as a pytree whose leaves are the residuals
        return jax.linearize(lambda t: jax.grad(mean_loss)(t, x, labels), theta)[1]

    apply = jax.jit(lambda tangent, v: tangent(v))

    @functools.partial(jax.jit, static_argnames="steps")
    def descend(theta, x, labels, rate, steps):
        def step(t, _):
            loss, g = jax.value_and_grad(mean_loss)(t, x, labels)
            return [a - rate * b for a, b in zip(t, g)], loss

        return jax.lax.scan(step, theta, length=steps)

    wait = jax.block_until_ready
    tangent = wait(linearize(theta, x, labels))
    rate = jnp.float32(work.learning_rate)

    def apply_flat(vector):
        return flat(apply(tangent, [jnp.asarray(a) for a in work.tree(vector)]))

    def gd():
        wait(descend(theta, x, labels, rate, work.gd_steps))
        return {"divide": work.gd_steps}

    calls = {
        "gradient": {"jit": lambda: wait(gradient(theta, x, labels))},
        "hvp": {"jvp_of_grad": lambda: wait(hvp(theta, v, x, labels))},
        "hvp_linearized": {"linearize": lambda: wait(apply(tangent, v))},
        "gd_step": {"scan": gd},
        "lanczos": arpack_variants(apply_flat, work.v),
    }
    loss, g = gradient(theta, x, labels)
    final, _ = descend(theta, x, labels, rate, work.gd_steps)
    values = check_values(work, loss, flat(g), flat(hvp(theta, v, x, labels)), apply_flat(work.v),
                          mean_loss(final, x, labels), largest_eigenvalue(apply_flat, work.v, 1e-5)[0])
    versions = {"jax": jax.__version__, "jaxlib": jax.lib.__version__, "numpy": np.__version__}
    return versions, values, calls, {}


serve(make)
