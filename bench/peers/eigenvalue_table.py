# SPDX-License-Identifier: MIT
"""What bench/peers/lambda_1 makes of its figures: settings that reach a residual, the verdict, and the table in Markdown.

Needs the standard library alone, so its test does too. A row is one solver at one θ and one target:
{"system", "variant", "setting", "products", "residual", "lambda_1", "rounds_ms": […], "cpu_ms": […]}; without rounds it was not timed.
"""

import statistics

TIGHTEN = 0.9  # the next tolerance, if one has left a residual above the target
TRIES = 12


def reach(target, solve, first, tighter):
    """solve(setting) → {"residual", …}. Tries settings, from `first` on, until the residual is at most the target.

    → that answer with its "setting", or the last one with "missed": true. A setting of None, from `tighter` or as the first, ends the tries.
    """
    setting, answer = first, {}
    for _ in range(TRIES):
        if setting is None:
            break
        answer = {**solve(setting), "setting": setting}
        if answer["residual"] <= target:
            return answer
        setting = tighter(setting)
    return {**answer, "missed": True}


def fastest_of_each(rows, family):
    """family(row) → a name. → the rows of each family that took the least processor time when the settings were found."""
    best = {}
    for row in rows:
        if row.get("missed"):
            continue
        kept = best.get(family(row))
        if kept is None or row["first_cpu_ms"] < kept["first_cpu_ms"]:
            best[family(row)] = row
    return list(best.values())


def verdict(rows, baseline="brink"):
    """The baseline beside the best of the others that reach the target; ratios of times are taken within a round.

    → {"products", "fewest_products_of_others", "products_hold", "rounds_ms": {"peer", "ratio", "worst"}, "cpu_ms": {…}, "time_holds"}
    """
    own = next(row for row in rows if row["system"] == baseline)
    others = [row for row in rows if row["system"] != baseline and not row.get("missed")]
    fewest = min(row["products"] for row in others)
    out = {"products": own["products"], "fewest_products_of_others": fewest, "products_hold": own["products"] <= fewest}
    for clock in ("rounds_ms", "cpu_ms"):
        timed = [row for row in others if row.get(clock)]
        peer = min(timed, key=lambda row: statistics.median(row[clock]))
        ratios = [a / b for a, b in zip(own[clock], peer[clock])]
        out[clock] = {"peer": name_of(peer), "ratio": statistics.median(ratios), "worst": max(ratios)}
    out["time_holds"] = all(out[clock]["ratio"] < 1 for clock in ("rounds_ms", "cpu_ms"))
    return out


def name_of(row):
    return f"{row['system']}/{row['variant']}"


def table(rows, baseline="brink"):
    """→ lines of Markdown, fastest first; solvers that were not timed come last, by products."""
    own = next(row for row in rows if row["system"] == baseline)
    lines = ["| solver | products | residual | seconds | ÷ brink | processor seconds | ÷ brink |", "|---|---|---|---|---|---|---|"]
    order = lambda row: (not row.get("rounds_ms"), statistics.median(row["rounds_ms"]) if row.get("rounds_ms") else row["products"])
    for row in sorted(rows, key=order):
        cells = [name_of(row), str(row["products"]), f"{row['residual']:.1e}" + " (above the target)" * bool(row.get("missed"))]
        for clock in ("rounds_ms", "cpu_ms"):
            if row.get(clock):
                ratio = statistics.median(a / b for a, b in zip(row[clock], own[clock]))
                cells += [f"{statistics.median(row[clock]) / 1e3:.1f}", f"{ratio:.2f}"]
            else:
                cells += ["–", "–"]
        lines.append("| " + " | ".join(cells) + " |")
    return lines
