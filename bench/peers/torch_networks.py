# SPDX-License-Identifier: MIT
"""The networks of the workloads in PyTorch, in the forms from which its users choose.

A form has two choices. Layout: pictures [N,C,H,W] as they are, or channels_last. Norm: GhostBatchNorm written out over [groups,
B, …], or PyTorch's own batch_norm on one group after the other. The fastest form differs between gradients and products, so all
are tried. Kernels are kept as [out,in,h,w], and converted to brink's order outside of what is timed.
"""

import dataclasses

import numpy as np
import torch
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True)
class Form:
    channels_last: bool = False
    native_norm: bool = False

    @property
    def suffix(self):
        return "_batch_norm" * self.native_norm + "_channels_last" * self.channels_last


def forms_of(network):
    """The forms that a network has; the first is the plain one."""
    if network["name"] == "mlp":
        return [Form()]
    norms = (False, True) if "ghost_batch" in network else (False,)
    return [Form(last, native) for last in (False, True) for native in norms]


def _in_layout(tensor, form):
    return tensor.contiguous(memory_format=torch.channels_last if form.channels_last else torch.contiguous_format)


def parameter_tensor(array, form, device):
    """A parameter of brink's; one with four axes is a kernel."""
    tensor = torch.from_numpy(np.array(array)).to(device)
    return _in_layout(tensor.permute(3, 2, 0, 1), form) if tensor.dim() == 4 else tensor


def batch_tensor(array, form, device):
    """Samples [N,D] or pictures [N,H,W,C]."""
    tensor = torch.from_numpy(array).to(device)
    return _in_layout(tensor.permute(0, 3, 1, 2), form) if tensor.dim() == 4 else tensor


def flat(tensors):
    """Converts the form's tensors to one vector in brink's order."""
    parts = (t.detach().permute(2, 3, 1, 0) if t.dim() == 4 else t.detach() for t in tensors)
    return torch.cat([p.reshape(-1) for p in parts]).cpu().numpy()


def conv(x, weight, bias=None, stride=1):
    return F.conv2d(x, weight, bias, stride=stride, padding=weight.shape[-1] // 2)


def ghost_norm(x, gamma, beta, group, form):
    """Normalises each group of consecutive samples by its own mean and biased variance of every channel, ε = 1e-5."""
    if form.native_norm:
        return torch.cat([F.batch_norm(part, None, None, gamma, beta, True, 0.0, 1e-5) for part in x.split(group)])
    short = len(x) % group
    if short and len(x) > group:  # the last group is shorter
        parts = x.split([len(x) - short, short])
        return torch.cat([ghost_norm(part, gamma, beta, group, form) for part in parts])
    groups = x.unflatten(0, (-1, min(group, len(x))))
    mean = groups.mean((1, 3, 4), keepdim=True)
    variance = groups.var((1, 3, 4), unbiased=False, keepdim=True)
    row = (-1, 1, 1)
    return ((groups - mean) * torch.rsqrt(variance + 1e-5) * gamma.view(row) + beta.view(row)).flatten(0, 1)


def dense_layers(x, theta):
    """Dense layers with ReLU between them, of the remaining parameters."""
    theta = list(theta)
    for i in range(0, len(theta), 2):
        x = torch.addmm(theta[i + 1], x, theta[i])
        if i + 2 < len(theta):
            x = torch.relu(x)
    return x


def flatten(x):
    return x.permute(0, 2, 3, 1).flatten(1)


def mlp(_network, _form, theta, x):
    return dense_layers(x, theta)


def two_convolutions(pool_side):
    def network(_network, _form, theta, x):
        walk = iter(theta)
        for _layer in range(2):
            x = F.max_pool2d(torch.relu(conv(x, next(walk), next(walk))), pool_side, 2)
        return dense_layers(flatten(x), walk)
    return network


def vgg(network, form, theta, x):
    walk = iter(theta)
    for _block in network["channels"]:
        for _layer in range(3):
            x = torch.relu(ghost_norm(conv(x, next(walk)), next(walk), next(walk), network["ghost_batch"], form))
        if x.shape[2] > 1:
            x = F.max_pool2d(x, 2)
    return dense_layers(flatten(x), walk)


def resnet20(network, form, theta, x):
    walk = iter(theta)

    def conv_norm(x, stride=1):
        return ghost_norm(conv(x, next(walk), stride=stride), next(walk), next(walk), network["ghost_batch"], form)

    x = torch.relu(conv_norm(x))
    for stage, width in enumerate(network["widths"]):
        for block in range(3):
            halves = stage > 0 and block == 0
            inner = conv_norm(torch.relu(conv_norm(x, 2 if halves else 1)))
            if halves:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, width - x.shape[1]))
            x = torch.relu(inner + x)
    return dense_layers(x.mean((2, 3)), walk)


NETWORKS = {"mlp": mlp, "alexnet": two_convolutions(3), "vgg": vgg, "resnet20": resnet20, "lenet": two_convolutions(2)}


def logits_of(network, form):
    """→ a function of (parameters, x) in the form's layout that gives logits [N, classes]."""
    return lambda theta, x: NETWORKS[network["name"]](network, form, theta, x)
