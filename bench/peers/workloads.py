# SPDX-License-Identifier: MIT
"""The workloads as data: network, picture, parameters, and the folder of arrays that every worker reads. Each framework's file
of networks defines what they compute (docs/method.md, "Networks").

The parameters are listed here again, in brink's order, so that the driver does not need brink; brink's worker compares the list
with its own and refuses a different one.

The keys of a network are those of a config's [model]. W1 is an MLP; W2 to W6 have convolutions and 32×32×3 pictures. W6 is the VGG10 of
which bench/peers/lambda_1 computes the largest eigenvalue; its last ghost group is shorter.
"""

import dataclasses
import hashlib
import json
import math

# The agreement required in float32, relative to the second name: the error of a projection is proportional to the vector's
# length. A ReLU with an input near zero may differ for one sample, which affects the second derivative most.
AGREE = {"loss": (1e-5, "loss"), "gradient_norm": (1e-5, "gradient_norm"), "gradient_v": (1e-5, "gradient_norm"),
         "hvp_norm": (1e-4, "hvp_norm"), "v_h_v": (1e-4, "hvp_norm"), "hvp_linearized_norm": (1e-4, "hvp_norm"),
         "loss_after_gd": (1e-4, "loss_after_gd"), "lambda_1": (1e-4, "lambda_1")}


# With GhostBatchNorm more activations are near zero, and each one that differs affects its whole group: on W3 brink, JAX and
# PyTorch differ by up to 1.2e-5 in the gradient and 2.1e-5 in the product.
AGREE_NORMALISED = {**AGREE, **dict.fromkeys(["gradient_norm", "gradient_v"], (1e-4, "gradient_norm")),
                    **dict.fromkeys(["hvp_norm", "v_h_v", "hvp_linearized_norm"], (2e-4, "hvp_norm"))}


@dataclasses.dataclass(frozen=True)
class Workload:
    network: dict
    sample: tuple
    classes: int
    samples: str  # sizes of the batch that are timed by default, comma-separated
    kinds: str
    gd_steps: int
    learning_rate: float
    rounds: int
    repeat: int
    bars: dict  # brink ÷ the fastest peer, at most
    spectrum: bool = False  # the largest eigenvalue is compared, and may be timed

    @property
    def agree(self):
        return AGREE_NORMALISED if "ghost_batch" in self.network else AGREE


# A gradient of W2 to W4 takes a hundred times that of W1, so fewer repetitions suffice.
_CONVOLUTIONS = {"sample": (32, 32, 3), "classes": 10, "kinds": "gradient,hvp_linearized,hvp", "gd_steps": 3,
                 "learning_rate": 1e-3, "rounds": 5, "repeat": 1,
                 "bars": {"gradient": 0.8, "hvp_linearized": 0.8, "hvp": 0.8}}
WORKLOADS = {
    "W1": Workload(network={"name": "mlp", "hidden": [32, 32, 32, 32]}, sample=(784,), classes=4, samples="4000,1000",
                   kinds="gradient,hvp_linearized,hvp,gd_step,lanczos", gd_steps=20, learning_rate=0.1, rounds=15, repeat=5,
                   bars={"gradient": 0.75, "hvp_linearized": 0.75, "gd_step": 0.7}, spectrum=True),
    "W2": Workload({"name": "alexnet", "filters": 64, "dense": [384, 192]}, samples="256", **_CONVOLUTIONS),
    "W3": Workload({"name": "vgg", "channels": [32, 64, 128], "ghost_batch": 32}, samples="128", **_CONVOLUTIONS),
    "W4": Workload({"name": "resnet20", "widths": [16, 32, 64], "ghost_batch": 32}, samples="128", **_CONVOLUTIONS),
    "W5": Workload({"name": "lenet", "filters": [6, 16], "dense": [120, 84]}, samples="256", **_CONVOLUTIONS),
    "W6": Workload({"name": "vgg", "channels": [8, 16, 32], "ghost_batch": 32}, samples="1000", **_CONVOLUTIONS),
}


def parameters_of(network, sample, classes):
    """→ [{"name", "shape", "fan_in", "start"}] in brink's order; fan_in 0: every entry is `start`."""
    out = []

    def weight(name, *shape):
        out.append({"name": name + ".weight", "shape": list(shape), "fan_in": math.prod(shape[:-1]), "start": 0})

    def constant(name, size, start=0):
        out.append({"name": name, "shape": [size], "fan_in": 0, "start": start})

    def dense(name, fan_in, fan_out):
        weight(name, fan_in, fan_out)
        constant(name + ".bias", fan_out)

    def conv_norm(name, fan_in, fan_out):
        weight(name, 3, 3, fan_in, fan_out)
        constant(name + ".gamma", fan_out, 1)
        constant(name + ".beta", fan_out)

    def dense_layers(fan_in, hidden):
        for layer, fan_out in enumerate([*hidden, classes]):
            dense(f"dense{layer}", fan_in, fan_out)
            fan_in = fan_out

    if network["name"] == "mlp":
        dense_layers(math.prod(sample), network["hidden"])
        return out
    side, _, channels = sample
    if network["name"] in ("alexnet", "lenet"):
        pool_side = 3 if network["name"] == "alexnet" else 2
        for layer, filters in enumerate([network["filters"]] * 2 if pool_side == 3 else network["filters"]):
            weight(f"conv{layer}", 5, 5, channels, filters)
            constant(f"conv{layer}.bias", filters)
            channels, side = filters, (side - pool_side) // 2 + 1
        dense_layers(side * side * channels, network["dense"])
    elif network["name"] == "vgg":
        for block, width in enumerate(network["channels"]):
            for layer in range(3):
                conv_norm(f"block{block}.conv{layer}", channels, width)
                channels = width
            side = side // 2 if side > 1 else side
        dense("dense", side * side * channels, classes)
    elif network["name"] == "resnet20":
        conv_norm("stem", channels, network["widths"][0])
        channels = network["widths"][0]
        for stage, width in enumerate(network["widths"]):
            for block in range(3):
                for layer in range(2):
                    conv_norm(f"stage{stage}.block{block}.conv{layer}", channels, width)
                    channels = width
        dense("dense", channels, classes)
    else:
        raise ValueError(f"unknown network {network['name']!r}; expected mlp, alexnet, vgg or resnet20")
    return out


def describe(name, samples):
    """→ what workload.json says."""
    work = WORKLOADS[name]
    return {"name": name, "network": work.network, "sample": work.sample, "classes": work.classes, "samples": samples,
            "parameters": parameters_of(work.network, work.sample, work.classes)}


def write(folder, name, samples, seed):
    """Standard-normal pictures, uniform labels, weights N(0, 1/fan_in), a unit direction; all float32. → the arrays' digest."""
    import numpy as np  # here, so that the list of parameters needs none

    about = describe(name, samples)
    random = np.random.Generator(np.random.Philox(seed))
    v = random.standard_normal(sum(math.prod(p["shape"]) for p in about["parameters"]))

    def start(parameter):
        size = math.prod(parameter["shape"])
        if not parameter["fan_in"]:
            return np.full(size, parameter["start"], float)
        return random.standard_normal(size) / np.sqrt(parameter["fan_in"])

    arrays = {
        "x.f32": random.standard_normal((samples, *about["sample"])).astype("<f4"),
        "labels.i32": random.integers(0, about["classes"], samples).astype("<i4"),
        "theta.f32": np.concatenate([start(p) for p in about["parameters"]]).astype("<f4"),
        "v.f32": (v / np.linalg.norm(v)).astype("<f4"),
    }
    folder.mkdir(parents=True)
    digest = hashlib.sha256()
    for file, array in arrays.items():
        array.tofile(folder / file)
        digest.update(array.tobytes())
    (folder / "workload.json").write_text(json.dumps(about, indent=1))
    return digest.hexdigest()[:16]
