# SPDX-License-Identifier: MIT
"""Figure 20: gradient descent and adaptive rules in the valley ½(20x² + y²) + ¼x⁴, and the thresholds of Clipped-Ada."""

import numpy as np
import pandas as pd
from matplotlib.ticker import NullFormatter

from brink import style
from brink.claims import Claim, Measured, at_least, at_most, within
from brink.experiment import Experiment

RATE = 0.11
THRESHOLD = 2 / RATE
CURVATURES, START = (20.0, 1.0), (1.0, 1.0)
BETA2, EPSILON = 0.999, 1e-8
STEPS = 60
RULES = {"GD": {"rule": "gd"}, "RMSProp": {"rule": "rmsprop"}, "Adam": {"rule": "adam"},
         "Clipped-Ada, c = 1.2": {"rule": "clipped_ada", "beta1": 0.0, "clip": 1.2}, "Clipped-Ada, c = 1": {"rule": "clipped_ada", "beta1": 0.0, "clip": 1.0}}
CLIPS = tuple(float(f"{c:.4g}") for c in np.geomspace(0.4, 4, 24))
FINE = tuple(round(1.1 + 0.01 * i, 2) for i in range(21))
OFFSETS = tuple(sign * 10.0 ** -k for sign in (-1, 1) for k in range(1, 13))
GROWTH_STEPS = 5

identity = Claim("λ_eff is the largest Hᵢᵢ/Pᵢ with Pᵢ = (1 − β₁ᵗ⁺¹)(min(√ν̂ᵢ, c) + ϵ); largest relative error over all rules and steps.",
                 "Clipping replaces √ν̂ by at most c in the preconditioner (eqs. 34–38).", at_most(1e-10))
suppressed = Claim("RMSProp and Adam keep λ_eff below 2/η = 18.18; its largest value.",
                   "Adaptive rules suppress instabilities along sharp directions (App. I).", at_most(THRESHOLD))
unstable = Claim("Gradient descent leaves the valley at this learning rate; |x| of its last step over that of the first.",
                 "Without a preconditioner λ is above 2/η.", at_least(10))
sharp = Claim("Quadratic valley: |x| begins to grow where 20 = 2(c + ϵ)/η; relative width of the bracket in c + ϵ.",
              "λ < 2(c + ϵ)/η is the condition of stability where √ν̂ ≥ c (eq. 39).", at_most(1e-12))
quartic = Claim("With ¼x⁴: the c at which |x| begins to grow, over that of eq. 39 with λ at the start.",
                "λ < 2(c + ϵ)/η is the condition of stability (eq. 39).", within(0.9, 1.1))
outcome = Claim(f"With ¼x⁴: share of the values of c at which |x| grows in {GROWTH_STEPS} steps as eq. 39 says at the start.",
                "A smaller c lowers the barrier and brings instability back (App. J).", at_least(0.9))


def config(rule, steps, quartic=1.0, files=None):
    files = files or {"steps": [0, 1]}
    return {"model": {"name": "valley", "start": list(START), "curvatures": list(CURVATURES), "quartic": quartic},
            "training": {"loss": "mse", "learning_rate": RATE, "steps": steps, "divergence_loss": 1e9, **rule},
            "measure": {"tolerance": 1e-13, "effective": {}, "parameters": files}, "run": {"precision": "float64"}}


def clipped(c):
    return {"rule": "clipped_ada", "beta1": 0.0, "clip": float(c)}


def work(lab):
    configs = {name: config(rule, STEPS, files={"every": 1}) for name, rule in RULES.items()}
    configs |= {f"c = {c}": config(clipped(c), GROWTH_STEPS, files={"every": 1}) for c in CLIPS}
    configs |= {f"fine c = {c}": config(clipped(c), 1) for c in FINE}
    configs |= {f"offset {offset}": config(clipped(CURVATURES[0] * RATE / 2 * (1 + offset) - EPSILON), 1, quartic=0.0) for offset in OFFSETS}
    lab.train_all(configs)


def preconditioners(thetas, rule):
    """P = (1 − β₁ᵗ⁺¹)(min(√ν̂, c) + ϵ) of the step that is about to be taken, from the path alone."""
    moment = np.zeros(2)
    for t, theta in enumerate(thetas):
        gradient = np.array(CURVATURES) * theta + [theta[0] ** 3, 0]
        moment = BETA2 * moment + (1 - BETA2) * gradient**2
        clipped_root = np.minimum(np.sqrt(moment / (1 - BETA2 ** (t + 1))), rule.get("clip", np.inf))
        first = 1 - 0.9 ** (t + 1) if rule["rule"] == "adam" else 1.0  # the correction of Adam's first moment is part of P, too
        yield 1.0 if rule["rule"] == "gd" else first * (clipped_root + EPSILON)


def growth(run, step):
    """ln |x_step/x_0|; a run that ended before has left the valley."""
    steps = run.steps_with("parameters")
    last = min(step, max(steps))
    return np.log(abs(run.parameters(last)[0] / run.parameters(0)[0]))


def collect(lab):
    paths, clips, offsets = [], [], []
    for name, rule in RULES.items():
        run = lab.run(name)
        steps = run.steps_with("parameters")
        thetas = [run.parameters(step) for step in steps]
        for step, theta, p in zip(steps, thetas, preconditioners(thetas, rule)):
            row, curvature = run.at(step), np.array(CURVATURES) + [3 * theta[0] ** 2, 0]
            expected = (curvature / p).max()
            paths.append({"rule": name, "step": step, "x": theta[0], "y": theta[1], "lambda_1": row["lambda_1"], "lambda_eff": row["lambda_eff"],
                          "threshold": row["threshold_eff"], "error": abs(row["lambda_eff"] / expected - 1)})
    for c in CLIPS:
        clips.append({"kind": "grid", "clip": c, "growth": growth(lab.run(f"c = {c}"), GROWTH_STEPS)})
    for c in FINE:
        clips.append({"kind": "fine", "clip": c, "growth": growth(lab.run(f"fine c = {c}"), 1)})
    for offset in OFFSETS:
        offsets.append({"offset": offset, "growth": growth(lab.run(f"offset {offset}"), 1)})
    return {"paths": pd.DataFrame(paths), "clips": pd.DataFrame(clips), "offsets": pd.DataFrame(offsets)}


def predicted():
    """c of eq. 39 with λ = 20 + 3x² at the start."""
    return (CURVATURES[0] + 3 * START[0] ** 2) * RATE / 2 - EPSILON


def judge(tables):
    paths, clips, offsets = tables["paths"], tables["clips"], tables["offsets"]
    adaptive = paths[paths["rule"].isin(["RMSProp", "Adam"])]
    gd = paths[paths["rule"] == "GD"]["x"].abs()
    agrees = np.sign(offsets["growth"]) == -np.sign(offsets["offset"])
    wrong = offsets[~agrees]["offset"].abs().max() if (~agrees).any() else 0
    bracket = offsets[agrees & (offsets["offset"].abs() > wrong)]["offset"].abs().min()
    fine, grid = clips[clips["kind"] == "fine"], clips[clips["kind"] == "grid"]
    c, g = fine["clip"].to_numpy(), fine["growth"].to_numpy()
    at = np.flatnonzero((g[:-1] > 0) & (g[1:] <= 0))
    out = {identity: Measured(paths["error"].max(), n=len(paths)),
           suppressed: Measured(adaptive["lambda_eff"].max(), n=len(adaptive)),
           unstable: Measured(gd.iloc[-1] / gd.iloc[0], n=len(gd)),
           sharp: Measured(bracket if bracket == bracket else np.inf, n=len(offsets)),
           outcome: Measured(((grid["growth"] > 0) == (grid["clip"] < predicted())).mean(), n=len(grid)),
           quartic: None}  # without exactly one crossing on the grid
    if len(at) == 1:
        low, high = c[at[0]], c[at[0] + 1]
        found = low + (high - low) * g[at[0]] / (g[at[0]] - g[at[0] + 1])
        out[quartic] = Measured(found / predicted(), low / predicted(), high / predicted(), n=len(fine))
    return out


def draw(tables):
    figure, axes = style.panels(2, 2, height=2.7)
    (plane, distance), (sharpness, clip) = axes
    x, y = np.meshgrid(np.linspace(-1.9, 1.9, 200), np.linspace(-0.15, 1.1, 120))
    plane.contour(x, y, 0.5 * (20 * x**2 + y**2) + 0.25 * x**4, levels=np.geomspace(0.02, 40, 11), colors="#cccccc", linewidths=0.6)
    for (name, rows), colour in zip(tables["paths"].groupby("rule", sort=False), (style.RED, style.BLUE, style.GREEN, style.PURPLE, style.ORANGE)):
        near = rows[rows["x"].abs() < 4]
        plane.plot(near["x"], near["y"], color=colour, marker=".", markersize=4, linewidth=0.9)
        distance.semilogy(rows["step"], rows["x"].abs().clip(lower=1e-6), color=colour, label=name)
        sharpness.semilogy(rows["step"], rows["lambda_eff"], color=colour)
    style.threshold_line(sharpness, THRESHOLD)
    plane.set(xlim=(-1.9, 1.9), ylim=(-0.15, 1.1), xlabel="x", ylabel="y", title="paths in the valley")
    plane.plot(*START, marker="*", color=style.BLACK, markersize=8)
    distance.set(title="|x|", ylim=(1e-6, 1e3), xlabel="step")
    distance.legend(loc="upper right", fontsize=7)
    sharpness.set(title="effective sharpness λ_eff", ylim=(0.5, 300), xlabel="step")
    sharpness.legend(loc="upper right")
    rows = tables["clips"].query("kind == 'grid'")
    clip.semilogx(rows["clip"], rows["growth"].clip(-9, 9), color=style.BLUE, marker="o", markersize=3)
    clip.axhline(0, color=style.BLACK, linewidth=0.7)
    clip.axvline(predicted(), color=style.BLACK, linestyle=(0, (4, 2)), linewidth=1.0, label="c of eq. 39")
    clip.set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    clip.xaxis.set_minor_formatter(NullFormatter())
    clip.set(title=f"Clipped-Ada: ln |x| after {GROWTH_STEPS} steps", xlabel="c")
    clip.legend()
    return figure


experiment = Experiment(
    id="fig20", title="Optimisers in a valley", section="App. I, J",
    paper="In a valley that is steep in x and flat in y, gradient descent is unstable if λ > 2/η. RMSProp and Adam divide by √ν̂, which is large "
          "in steep directions, and stay stable. Clipped-Ada divides by at most c, so its threshold is 2(c + ϵ)/η where √ν̂ ≥ c: a smaller c "
          "brings instability back.",
    caption="From the star; grey lines have equal height. Clipped-Ada with c = 1 leaves the valley as gradient descent does, and its curves cover"
            " those of gradient descent; in the valley the path of Adam covers that of RMSProp. Lower right: ln |x| after five steps from x = 1, "
            "cut off at ±9; above 0 |x| has grown.",
    sizes={name: {} for name in ("smoke", "small", "paper")},
    work=work, collect=collect, claims=(identity, suppressed, unstable, sharp, quartic, outcome), judge=judge, draw=draw,
    notes=("The function is ½(20x² + y²) + ¼x⁴ from (1, 1) with η = 0.11; the paper does not state its own.",
           "Clipped-Ada is that of RMSProp. With the momentum of Adam the threshold is (1 + β₁)/(1 − β₁) = 19 times higher."))
