# SPDX-License-Identifier: MIT
"""Figure 3: the leading eigenvector of a product of two parameters turns one way below a learning rate and the other way above it."""

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from brink import style
from brink.claims import Claim, Measured, at_least, at_most, within
from brink.experiment import Experiment

START = (2.5, 0.5)
SQUARED_LENGTH = START[0] ** 2 + START[1] ** 2
TARGETS = (0, 1)
SHOWN = (0.25, 0.5, 0.75, 0.9, 0.95, 1.0, 1.05, 1.1, 1.25)  # learning rates as factors of 2/λ₁ at the start
GRID = tuple(round(0.05 * i, 2) for i in range(1, 27))
OFFSETS = tuple(sign * 10.0 ** -k for sign in (-1, 1) for k in range(1, 13))  # of a learning rate from the predicted one, relative

exact = Claim("R is ½(A + √(A² + 4)) with A = ℓ″|θ₂² − θ₁²| / |ℓ′ + ℓ″z|: the largest difference of 1/R.",
              "The closed form of R is exact.", at_most(1e-12))
one_step = Claim("y = 0: the change of R in one step changes its sign at η = 2/‖θ‖²; relative width of the bracket.",
                 "Below a threshold near the edge of stability R grows, above it R falls.", at_most(1e-12))
two_steps = Claim("y = 1: the change of R in two steps changes its sign near 2/λ₁; the learning rate in units of 2/λ₁.",
                  "The rotation reverses at the edge of stability.", within(0.9, 1.1))
not_one = Claim("y = 1: the change of R in one step changes its sign too; learning rates of the grid at which it does.",
                "Δ_R changes its sign at the edge of stability.", at_least(1))
root = {y: Claim(f"y = {y}: the predicted rate changes its sign where R's change does; ratio of the two learning rates.",
                 "The rate of R predicts the direction of the rotation.", within(0.9, 1.1)) for y in TARGETS}


def sharpness(y):
    """λ₁ at the start."""
    z = START[0] * START[1]
    return (SQUARED_LENGTH + np.sqrt(SQUARED_LENGTH**2 - 4 * (z**2 - (2 * z - y) ** 2))) / 2


def config(y, rate, steps, files):
    return {"model": {"name": "dln", "start": list(START), "target": float(y)},
            "training": {"loss": "mse", "learning_rate": float(rate), "steps": steps, "divergence_loss": 1e12},
            "measure": {"tolerance": 1e-13, "parameters": {"every": 1}, "eigenvectors": {"every": 1}} if files else
            {"tolerance": 1e-13, "parameters": {"steps": [0, 1, 2][:steps + 1]}, "eigenvectors": {"steps": [0, 1, 2][:steps + 1]}},
            "run": {"precision": "float64", "checkpoint_every": 0}}


def work(lab):
    configs = {}
    for y in TARGETS:
        for factor in sorted({*GRID, *SHOWN}):
            shown = factor in SHOWN
            configs[f"y={y} factor={factor}"] = config(y, factor * 2 / sharpness(y), lab.size["steps"] if shown else 2, shown)
    for offset in OFFSETS:
        configs[f"offset={offset}"] = config(0, 2 / SQUARED_LENGTH * (1 + offset), 1, False)
    lab.train_all(configs)


def states(run, y):
    """θ, R from the eigenvector, and R from its closed form, at each step that has files."""
    for step in run.steps_with("eigenvectors"):
        theta, u = run.parameters(step), run.eigenvectors(step)[:, 0]
        z = theta[0] * theta[1]
        a = abs(theta[1] ** 2 - theta[0] ** 2) / abs(2 * z - y)
        # R is that of the coordinate whose |θ| is smaller at the start, over the other one.
        yield step, theta, abs(u[1]) / abs(u[0]), (a + np.sqrt(a**2 + 4)) / 2


def collect(lab):
    paths, changes, offsets = [], [], []
    for y in TARGETS:
        for factor in sorted({*GRID, *SHOWN}):
            rows = [(step, theta, 1 / r, 1 / closed) for step, theta, r, closed in states(lab.run(f"y={y} factor={factor}"), y)]
            if factor in SHOWN:
                paths += [{"target": y, "factor": factor, "step": step, "theta1": theta[0], "theta2": theta[1], "inverse_ratio": inverse,
                           "error": abs(inverse - closed)} for step, theta, inverse, closed in rows]
            change = [1 / rows[step][2] - 1 / rows[0][2] for step in (1, 2)]
            rate, slope = factor * 2 / sharpness(y), START[0] * START[1] - y
            changes.append({"target": y, "factor": factor, "one_step": change[0], "two_steps": change[1], "start": 1 / rows[0][2],
                            "predicted": (1 - (rate * slope) ** 2) / abs(1 - rate * SQUARED_LENGTH) - 1})
    for offset in OFFSETS:
        (_, _, before, _), (_, _, after, _) = states(lab.run(f"offset={offset}"), 0)
        offsets.append({"offset": offset, "one_step": after - before})
    return {"paths": pd.DataFrame(paths), "changes": pd.DataFrame(changes), "offsets": pd.DataFrame(offsets)}


def crossings(x, y):
    """Where a curve through points crosses 0 from above."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    at = np.flatnonzero((y[:-1] > 0) & (y[1:] <= 0))
    return x[at] + (x[at + 1] - x[at]) * y[at] / (y[at] - y[at + 1])


def predicted_root(y):
    """The learning rate in units of 2/λ₁ at which ηℓ″‖θ‖² + η²ℓ′² = 2."""
    slope = (START[0] * START[1] - y) ** 2
    return 4 / (SQUARED_LENGTH + np.sqrt(SQUARED_LENGTH**2 + 8 * slope)) * sharpness(y) / 2


def judge(tables):
    paths, changes, offsets = tables["paths"], tables["changes"], tables["offsets"]
    right = offsets[np.sign(offsets["one_step"]) == -np.sign(offsets["offset"])]["offset"].abs()
    wrong = offsets[np.sign(offsets["one_step"]) != -np.sign(offsets["offset"])]["offset"].abs()
    bracket = right[right > wrong.max()].min() if len(wrong) else right.min()
    grid = {y: changes[changes["target"] == y] for y in TARGETS}
    found = {y: crossings(grid[y]["factor"], grid[y]["one_step" if y == 0 else "two_steps"]) for y in TARGETS}
    alone = crossings(grid[1]["factor"], grid[1]["one_step"])
    out = {exact: Measured(paths["error"].max(), n=len(paths)),
           one_step: Measured(bracket if bracket == bracket else np.inf, n=len(offsets)),
           not_one: Measured(len(alone), n=len(grid[1])),
           two_steps: None, **{root[y]: None for y in TARGETS}}  # without exactly one crossing on the grid
    step = GRID[1] - GRID[0]  # a crossing lies between two learning rates of the grid
    if len(found[1]) == 1:
        out[two_steps] = Measured(found[1][0], found[1][0] - step / 2, found[1][0] + step / 2, n=len(grid[1]), unit="× 2/λ₁")
    for y in TARGETS:
        if len(found[y]) == 1:
            low, high = found[y][0] - step / 2, found[y][0] + step / 2
            out[root[y]] = Measured(predicted_root(y) / found[y][0], predicted_root(y) / high, predicted_root(y) / low)
    return out


def draw(tables):
    figure, axes = style.panels(2, 3, height=2.5)
    colours = dict(zip(SHOWN, [style.BLUE] * 5 + [style.GREY] + [style.RED] * 3))
    for y, (rate, plane, ratio) in zip(TARGETS, axes):
        changes, paths = tables["changes"].query("target == @y"), tables["paths"].query("target == @y")
        steps = "one_step" if y == 0 else "two_steps"
        rate.plot(changes["factor"], changes[steps] / changes["start"], color=style.BLUE, marker="o", markersize=2.5,
                  label=f"measured, {'one step' if y == 0 else 'two steps'}")
        if y == 1:
            rate.plot(changes["factor"], changes["one_step"] / changes["start"], color=style.SKY, linewidth=0.9, label="measured, one step")
        rate.plot(changes["factor"], changes["predicted"], color=style.ORANGE, linestyle="--", label="predicted")
        rate.axhline(0, color=style.BLACK, linewidth=0.7)
        rate.axvline(1, color=style.BLACK, linestyle=(0, (4, 2)), linewidth=0.8)
        rate.set_ylim(-1.1, 4)
        rate.set_title(f"relative change of R, y = {y}")
        rate.legend(loc="upper right")
        x1, x2 = np.meshgrid(np.linspace(0.8, 3.1, 120), np.linspace(-0.6, 1.05, 120))
        plane.contour(x1, x2, 0.5 * (x1 * x2 - y) ** 2, levels=np.geomspace(0.01, 8, 9), colors="#cccccc", linewidths=0.6)
        for factor in SHOWN:
            rows = paths.query("factor == @factor")
            plane.plot(rows["theta1"], rows["theta2"], color=colours[factor], linewidth=0.8, marker=".", markersize=3, alpha=0.8)
            every = rows if y == 0 else rows[rows["step"] % 2 == 0]
            ratio.semilogy(every["step"], 1 / every["inverse_ratio"].where(every["inverse_ratio"] > 1e-4), color=colours[factor],
                           linewidth=0.5 + 0.9 * abs(factor - 1) ** 0.5)
        plane.plot(*START, marker="*", color=style.BLACK, markersize=8)
        plane.set(xlim=(0.8, 3.1), ylim=(-0.6, 1.05), xlabel="θ₁", ylabel="θ₂")
        plane.set_title(f"paths over the loss, y = {y}")
        ratio.set_title(f"orientation R of u₁, y = {y}")
        ratio.set_xlim(0, 12 if y == 0 else 40)
        ratio.set_xlabel("even step" if y else "step")
        rate.set_xlabel("learning rate in units of 2/λ₁")
        for factor, label in ((0.25, "η < 2/λ₁"), (1.0, "η = 2/λ₁"), (1.25, "η > 2/λ₁")):
            ratio.plot([], [], color=colours[factor], label=label)
        ratio.legend(loc="lower right")
        if y == 1:
            ratio.set_yticks([2, 3, 4, 5, 6], ["2", "3", "4", "5", "6"])
            ratio.yaxis.set_minor_formatter(NullFormatter())
    return figure


experiment = Experiment(
    id="fig3", title="The leading eigenvector turns the other way above the edge of stability", section="§4.1",
    paper="For a loss ½(θ₁θ₂ − y)² of two parameters, R says how much the leading eigenvector of the Hessian points along the smaller, sharper "
          "parameter. Below the edge of stability R grows: the eigenvector turns towards the sharper parameter. Above it R falls, although that "
          "parameter is still the smaller one. The transition appears near 2/λ₁, and the change of R has a pole at the Newton step.",
    caption="Above y = 0, below y = 1. Left: the change of R over its value at the start; the dashed line is 2/λ₁. Middle: paths from the star; "
            "grey lines have equal loss. Right: R, the part of u₁ along the parameter that is smaller at the start over the part along the other.",
    sizes={name: {"steps": 40} for name in ("smoke", "small", "paper")},
    work=work, collect=collect, claims=(exact, one_step, two_steps, not_one, *root.values()), judge=judge, draw=draw,
    notes=("The paper's formula for the rate of R was lost in the copy that was used. It is reconstructed as "
           "(1 − η²ℓ′²) / |1 − ηℓ″(θ₁² + θ₂²)| − 1.",
           "For y = 1 the iterate crosses the valley in one step, so the change in one step is positive at every learning rate; the paper itself turns to "
           "two steps where the loss is not symmetric about its minimum (App. E.5)."),
    changed={claim: "The curves had been computed once before this rule was written." for claim in root.values()},
    discussion={not_one: "A step from z = 1.25 lowers z at each of the 26 learning rates, and R grows as z falls towards ½, on either side of the valley "
                         "at z = 1. Over two steps the change does reverse, at 1.04 times 2/λ₁. For the claim to hold, |2z − y| and with it R would have "
                         "to be the same on both sides, as for y = 0, where one step is enough; the paper itself turns to two steps where the loss is not "
                         "symmetric (App. E.5)."},
    gallery="A product of two parameters: paths, the orientation of u₁, and its change. Up to about 2/λ₁ u₁ turns to the sharper parameter, beyond it away.")
