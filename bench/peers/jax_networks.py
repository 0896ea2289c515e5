# SPDX-License-Identifier: MIT
"""The networks of the workloads in JAX, logits from a list of parameters and a batch, written as JAX's users write them.

Pictures are [N,H,W,C] and kernels [h,w,in,out], which is XLA's faster layout on a processor (docs/experiments.md).
"""

import jax
import jax.numpy as jnp


def conv(x, weight, stride=1):
    pad = weight.shape[0] // 2
    return jax.lax.conv_general_dilated(x, weight, (stride, stride), [(pad, pad), (pad, pad)],
                                        dimension_numbers=("NHWC", "HWIO", "NHWC"))


def max_pool(x, side, stride):
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, side, side, 1), (1, stride, stride, 1), "VALID")


def ghost_norm(x, gamma, beta, group):
    """Normalises each group of consecutive samples by its own mean and biased variance of every channel, ε = 1e-5."""
    short = len(x) % group
    if short and len(x) > group:  # the last group is shorter
        parts = x[:-short], x[-short:]
        return jnp.concatenate([ghost_norm(part, gamma, beta, group) for part in parts])
    groups = x.reshape(-1, min(group, len(x)), *x.shape[1:])
    mean = groups.mean((1, 2, 3), keepdims=True)
    variance = jnp.square(groups - mean).mean((1, 2, 3), keepdims=True)
    return ((groups - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma + beta).reshape(x.shape)


def dense_layers(x, theta):
    """Dense layers with ReLU between them, of the remaining parameters."""
    theta = list(theta)
    for i in range(0, len(theta), 2):
        x = x @ theta[i] + theta[i + 1]
        if i + 2 < len(theta):
            x = jax.nn.relu(x)
    return x


def mlp(_, theta, x):
    return dense_layers(x, theta)


def two_convolutions(pool_side):
    def network(_, theta, x):
        walk = iter(theta)
        for _layer in range(2):
            x = max_pool(jax.nn.relu(conv(x, next(walk)) + next(walk)), pool_side, 2)
        return dense_layers(x.reshape(x.shape[0], -1), walk)
    return network


def vgg(network, theta, x):
    walk = iter(theta)
    for _block in network["channels"]:
        for _layer in range(3):
            x = jax.nn.relu(ghost_norm(conv(x, next(walk)), next(walk), next(walk), network["ghost_batch"]))
        if x.shape[1] > 1:
            x = max_pool(x, 2, 2)
    return dense_layers(x.reshape(x.shape[0], -1), walk)


def resnet20(network, theta, x):
    walk = iter(theta)

    def conv_norm(x, stride=1):
        return ghost_norm(conv(x, next(walk), stride), next(walk), next(walk), network["ghost_batch"])

    x = jax.nn.relu(conv_norm(x))
    for stage, width in enumerate(network["widths"]):
        for block in range(3):
            halves = stage > 0 and block == 0
            inner = conv_norm(jax.nn.relu(conv_norm(x, 2 if halves else 1)))
            if halves:
                x = jnp.pad(x[:, ::2, ::2, :], ((0, 0), (0, 0), (0, 0), (0, width - x.shape[3])))
            x = jax.nn.relu(inner + x)
    return dense_layers(x.mean((1, 2)), walk)


NETWORKS = {"mlp": mlp, "alexnet": two_convolutions(3), "vgg": vgg, "resnet20": resnet20, "lenet": two_convolutions(2)}


def logits_of(network):
    """→ a function of (parameters, x [N, sample…]) that gives logits [N, classes]."""
    return lambda theta, x: NETWORKS[network["name"]](network, theta, x)
