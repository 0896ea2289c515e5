# SPDX-License-Identifier: MIT
"""Figure 19: the random walk of the logarithm of higher-order curvature: densities, distribution functions, and all sequences of signs."""

import math

import matplotlib
import numpy as np
import pandas as pd
from scipy import signal

from brink import style
from brink.claims import Claim, Measured, above, at_least, at_most
from brink.experiment import Experiment
from brink.run import read_table, read_tensors
from brink.statistics import wilson

PATHS, STEPS, LARGEST_STEP = 1_000_000, 200, 0.3
CASES = {"point": ["--start", 1], "normal": ["--start", "1:0.25"], "mixture": ["--start", "0:0.1", "--start", "1.2:0.1"],
         "steep": ["--start", "1:0.25", "--slope", 40], "constant": ["--start", "1:0.25", "--floor", 0.175, "--height", 0],
         "coupled": ["--start", "1:0.25", "--coupled", "--boundary", 0, "--noise", 0.1]}
TITLES = {"point": "from a point", "normal": "from a normal distribution", "mixture": "from two peaks", "steep": "from a normal one, steep h"}
SHOWN = (2, 10, 50, 100, 200)
LENGTH, STARTS = 20, (-2, -1, 0, 1, 2)

contraction = Claim("From a point more than half of the paths are below it at every even step; the smallest share.",
                    "P(X₂ₖ < X₀) > ½ for every k (Thm 5.4).", above(0.5))
shares = Claim(f"All sequences of signs up to length {LENGTH}: the share below the start minus that of sums of 0 or less, the smallest.",
               "Every sequence of sum 0 or less ends below its start (Thm 5.4).", at_least(0))
zero_sum = Claim(f"Sequences of sum 0 up to length {LENGTH} that do not end below their start.", "All zero-sum strings are negative (lemma F.7).", at_most(0))
negative_sum = Claim(f"Sequences of negative sum up to length {LENGTH} that do not end below their start.",
                     "All negative-sum strings are negative (lemma F.9).", at_most(0))
envelope = Claim("The median of all ends, minus that of the envelope X₀ − δk after 2k steps; the largest.",
                 "The envelope of the medians falls by δ every two steps (Thm 5.6).", at_most(0))
pathwise = Claim("The largest end of a sequence of sum 0 or less, minus X₀ − δk after 2k steps; the largest.",
                 "Every such sequence falls by δ every two steps (prop. F.11).", at_most(0))
falls = {case: Claim(f"{title.capitalize()}: share of the even steps at which the median is below that two steps before.",
                     "Medians of even times fall (Thm 5.12, App. F.11).", above(0.9)) for case, title in TITLES.items()}
control = Claim("Control, constant steps: the same share.", "—", at_most(0.75))
mode = Claim("From a normal distribution: share of the even steps at which the mode is not above the median.",
             "The median dominates the mode (prop. 5.11).", above(0.9))
skewed = Claim("From a normal distribution: share of the even steps with a positive skewness.", "The distribution is skewed to the right.", above(0.9))
unimodal = Claim("From a normal distribution: share of the even steps with one peak.", "Unimodality persists (lemmas 5.9, 5.10).", above(0.9))
peaks = Claim("Steep h: share of the even steps with more than one peak.", "Beyond the Lipschitz condition the density often has several peaks.", above(0.5))
mean = Claim("The mean stays: its largest distance from the start, in standard errors.", "X is a martingale.", at_most(4))
linear = Claim("The range grows by at most twice the largest step in each step; largest share of that.", "The bands grow linearly in t (lemma 5.9).", at_most(1))
exponent = Claim("From a normal distribution: the distance of the 1 % and 99 % quantiles grows as a power of t; its exponent over t = 20 … 200.",
                 "The spread grows linearly.", at_least(0.9))
wider = Claim("Steep h: the distance of the quartiles after 200 steps over that with the smooth h.", "The central width grows faster beyond the Lipschitz condition.",
              at_least(1))
coupled = Claim("Coupled with the surplus and absorbed at s ≤ 0: share of the paths below their start after 200 steps.",
                "The coupled form drifts to smaller curvature.", above(0.5))


def work(lab):
    for case, arguments in CASES.items():
        lab.call(f"walk-{case}", "walk", "--paths", PATHS, "--steps", STEPS, *arguments)
    lab.call("walk-branches", *branches())


def branches():
    return ["walk", "--branches", LENGTH, *(f"--start={x}" for x in STARTS)]


def smoothed(counts, low, high, rows):
    """The Gaussian kernel estimate with Silverman's bandwidth, from a histogram of fine bins: (x, density)."""
    bandwidth = 0.9 * min(math.sqrt(rows["variance"]), (rows["quantile_0.75"] - rows["quantile_0.25"]) / 1.34) * counts.sum() ** -0.2
    width = (high - low) / len(counts)
    bandwidth = max(bandwidth, 0.5 * width)
    reach = math.ceil(5 * bandwidth / width)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * width / bandwidth) ** 2)
    density = np.convolve(np.pad(counts, reach), kernel / kernel.sum(), "same") / counts.sum() / width
    return low + (np.arange(len(density)) - reach + 0.5) * width, density


def collect(lab):
    walks, densities = [], []
    for case, arguments in CASES.items():
        folder = lab.call(f"walk-{case}", "walk", "--paths", PATHS, "--steps", STEPS, *arguments)
        table, tensors = read_table(folder / "walk.csv"), read_tensors(folder / "walk.safetensors")
        table["mode"], table["peaks"] = np.nan, np.nan
        for i, row in table.iterrows():
            low, high = tensors["range"][i]
            if not high > low:
                continue
            x, density = smoothed(tensors["counts"][i], low, high, row)
            table.loc[i, "mode"] = x[density.argmax()]
            table.loc[i, "peaks"] = len(signal.find_peaks(np.pad(density, 1) / density.max(), prominence=0.02)[0])
            if row["step"] in SHOWN and case in TITLES:
                keep = (density > 1e-4 * density.max()) & (np.arange(len(x)) % 4 == 0)
                below = np.cumsum(density) * (x[1] - x[0])
                densities.append(pd.DataFrame({"case": case, "step": int(row["step"]), "x": x[keep], "density": density[keep], "below": below[keep]}))
        walks.append(table.assign(case=case))
    columns = ["case", "step", "mean", "variance", "skewness", "lowest", "highest", "below_start", "absorbed", "quantile_0.01", "quantile_0.25",
               "quantile_0.5", "quantile_0.75", "quantile_0.99", "mode", "peaks"]
    return {"walks": pd.concat(walks)[columns], "densities": pd.concat(densities), "branches": read_table(lab.call("walk-branches", *branches()) / "branches.csv")}


def judge(tables):
    walks, all_ends = {case: rows.set_index("step") for case, rows in tables["walks"].groupby("case")}, tables["branches"]
    even = all_ends[all_ends["length"] % 2 == 0]
    share = [row.below / 2**row.length - 0.5 - row.zero_sum_sequences / 2 ** (row.length + 1) for row in all_ends.itertuples()]
    half = even["length"] // 2

    def falling(case):
        change = walks[case]["quantile_0.5"].diff().iloc[1:]
        return wilson(int((change < 0).sum()), len(change))

    def later(case, holds):
        found = holds(walks[case].iloc[1:])
        return wilson(int(found.sum()), len(found))
    normal, steep = walks["normal"], walks["steep"]
    moved = pd.concat([(rows["mean"] - rows["mean"].iloc[0]).abs() / np.sqrt((rows["variance"] - rows["variance"].iloc[0]) / PATHS)
                       for rows in (walks[case] for case in ("point", "normal", "mixture", "steep", "constant"))])
    spread = pd.concat([((rows["highest"] - rows["lowest"]).diff().fillna(0).cumsum() / (2 * LARGEST_STEP * rows.index)) for rows in walks.values()])
    width = (normal["quantile_0.99"] - normal["quantile_0.01"]).loc[20:]
    smallest = walks["point"]["below_start"].iloc[1:].min()

    def ends(name):
        return Measured((all_ends[f"{name}_above"] + all_ends[f"{name}_undecided"]).sum(), n=int(all_ends[f"{name}_sequences"].sum()))
    quartiles = [rows.loc[STEPS, "quantile_0.75"] - rows.loc[STEPS, "quantile_0.25"] for rows in (steep, normal)]
    return {
        contraction: wilson(round(smallest * PATHS), PATHS),
        shares: Measured(min(share), n=int((2.0 ** all_ends["length"]).sum())),
        zero_sum: ends("zero_sum"), negative_sum: ends("negative_sum"),
        envelope: Measured((even["median"] + even["drop"] * half).max(), n=len(even)),
        pathwise: Measured(even["pathwise"].max(), n=len(even)),
        **{claim: falling(case) for case, claim in falls.items()}, control: falling("constant"),
        mode: later("normal", lambda rows: rows["mode"] <= rows["quantile_0.5"]),
        skewed: later("normal", lambda rows: rows["skewness"] > 0),
        unimodal: later("normal", lambda rows: rows["peaks"] == 1),
        peaks: later("steep", lambda rows: rows["peaks"] > 1),
        mean: Measured(moved.max(), n=int(moved.notna().sum())),
        linear: Measured(spread[spread.index > 0].max(), n=len(spread)),
        exponent: Measured(np.polyfit(np.log(width.index), np.log(width), 1)[0], n=len(width)),
        wider: Measured(quartiles[0] / quartiles[1]),
        coupled: wilson(round(walks["coupled"]["below_start"].iloc[-1] * PATHS), PATHS),
    }


def draw(tables):
    figure, axes = style.panels(3, 4, height=2.0, width=9.5)
    colours = dark_colours(len(SHOWN))
    for (case, title), column in zip(TITLES.items(), axes.T):
        rows = tables["densities"].query("case == @case")
        for step, colour in zip(SHOWN, colours):
            at = rows[rows["step"] == step]
            column[0].plot(at["x"], at["density"], color=colour, label=f"t = {step}", linewidth=1)
            column[1].plot(at["x"], at["below"], color=colour, linewidth=1)
        column[0].set(title=title, xlim=(-5, 7), ylim=(0, 2.2 if case != "mixture" else 1.2))
        column[1].set(xlim=(-5, 7), xlabel="X")
        column[1].axhline(0.5, color=style.BLACK, linewidth=0.7)
        walk = tables["walks"].query("case == @case")
        column[2].plot(walk["step"], walk["mean"], color=style.GREY, label="mean")
        column[2].plot(walk["step"], walk["quantile_0.5"], color=style.BLUE, label="median")
        column[2].plot(walk["step"], walk["mode"], color=style.RED, label="mode", linewidth=0.8)
        column[2].set(xlabel="t", ylim=(-2, 1.4))
    axes[0, 0].set_ylabel("density")
    axes[1, 0].set_ylabel("distribution function")
    axes[0, 1].legend(loc="upper right", fontsize=7)
    axes[2, 0].legend(loc="lower left", fontsize=7)
    return figure


def dark_colours(count):
    """From light to dark, for times."""
    return [matplotlib.colormaps[style.SEQUENTIAL](0.9 - 0.85 * i / (count - 1)) for i in range(count)]


experiment = Experiment(
    id="fig19", title="A random walk whose steps grow with X drifts to the left", section="§5.3, App. F",
    paper="The logarithm X of higher-order curvature is modelled by X ± h(X) with an increasing h. Its mean stays, but more than half of the "
          "paths end below their start, medians of even times fall, the mode stays below the median, and the distribution is skewed to the "
          "right. Beyond the Lipschitz condition on h, and from two peaks, the drift stays and unimodality is lost.",
    caption="Above: densities after t steps; high peaks are cut off. Middle: the share of the paths below X; the line is one half. Below: mean, "
            "median and mode of X.",
    sizes={name: {} for name in ("smoke", "small", "paper")},
    work=work, collect=collect,
    claims=(contraction, shares, zero_sum, negative_sum, envelope, pathwise, *falls.values(), control, mode, skewed, unimodal, peaks, mean, linear,
            exponent, wider, coupled),
    judge=judge, draw=draw,
    notes=(f"h(x) = 0.05 + 0.25/(1 + e⁻ˣ), beyond the Lipschitz condition with e⁻⁴⁰ˣ; {PATHS:,} paths of {STEPS} steps of `brink walk` (docs/walk.md). "
           "The paper states neither h nor the starts.",
           f"All sequences of signs are followed from X₀ = {', '.join(map(str, STARTS))} with a bound of rounding; δ is the smallest h times the "
           "smallest h′ over the states that they visit.",
           "Densities are Gaussian kernel estimates with Silverman's bandwidth; a peak has a prominence of at least 2 % of the highest one.",
           "Coupled: s = X + 0.1ζ, and a path with s ≤ 0 keeps its X."),
    discussion={
        exponent: "The exponent is 0.44. X is a martingale with steps of at most 0.3, so its variance grows at most in proportion to t, and the distance "
                  "of two quantiles about as √t. The bands of the paper (lemma 5.9) are upper bounds that grow linearly, and the range does stay within "
                  "them. For a spread that grows linearly, successive signs would have to agree.",
        wider: "At first the width grows faster with the steep h, as the paper says: the quartiles are 1.42 times as far apart as with the smooth h after "
               "20 steps, and 1.13 times after 50. After 74 steps they are closer, and after 200 at 0.65: most of the paths have arrived where the steep "
               "h is near 0.05, and hardly move. The claim holds for short times; the paper does not say how long its simulation is."},
    gallery="A million paths of a walk whose steps grow with X: densities, distribution functions, and how the median falls while the mean stays.")
