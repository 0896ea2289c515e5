# SPDX-License-Identifier: MIT
"""What bench/peers/lambda_1 makes of its figures (bench/peers/eigenvalue_table.py): settings, fastest variants, verdict and table.
usage: peers_table_test.py BUILD
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

sys.path.insert(0, str(ROOT / "bench" / "peers"))
from eigenvalue_table import TRIES, fastest_of_each, reach, table, verdict

cases = Cases()


def row(system, variant, products, wall, cpu=None, **more):
    return {"system": system, "variant": variant, "setting": 1e-3, "products": products, "residual": 9e-4, "lambda_1": 40.0,
            "first_cpu_ms": products, **({"rounds_ms": wall, "cpu_ms": cpu or wall} if wall else {}), **more}


# A solver whose residual is twice its tolerance, and one that counts products.
asked = []
answer = reach(1e-3, lambda t: asked.append(t) or {"residual": 2 * t}, 1e-3, lambda t: t * 0.9)
cases.check("the first tolerance that reaches the target", [] if 0.45e-3 < answer["setting"] <= 0.5e-3 and not answer.get("missed") else [str(answer)])
cases.check("tolerances become smaller", asked == sorted(asked, reverse=True) and asked[0] == 1e-3)
answer = reach(1e-2, lambda k: {"residual": 0.5**k}, 5, lambda k: k + 1)
cases.check("the smallest number of products", answer["setting"] == 7)
answer = reach(1e-9, lambda k: {"residual": 1.0}, 1, lambda k: k + 1)
cases.check("a target that is missed is marked", answer.get("missed") is True and answer["setting"] == TRIES)
cases.check("no setting", reach(1e-2, None, None, None) == {"missed": True})
answer = reach(1e-3, lambda t: {"residual": float("nan")}, 1e-3, lambda t: t * 0.9)
cases.check("NaN reaches no target", answer.get("missed") is True)

brink = row("brink", "lanczos", 15, [2000, 4000, 3000], [1900, 2000, 2100])
power = row("torch", "pyhessian", 60, [30000, 32000, 33000])
curv = [row("torch", f"curvlinops_basis_{b}", p, None) for b, p in ((4, 22), (8, 18), (20, 21))]
jax = row("jax", "lanczos", 15, [6000, 5000, 9000])
missed = row("torch", "power_by_default", 3, None, missed=True)
rows = [power, *curv, missed, jax, brink]
family = lambda r: r["variant"].split("_basis_")[0]
chosen = fastest_of_each(rows, family)
cases.check("one variant of each family is timed, none that missed",
            sorted(r["variant"] for r in chosen) == ["curvlinops_basis_8", "lanczos", "pyhessian"] or [r["variant"] for r in chosen])

decided = verdict(rows)
cases.check("products", decided["products"] == 15 and decided["fewest_products_of_others"] == 15 and decided["products_hold"])
# By round: 2000/6000, 4000/5000, 3000/9000; the median is 1/3, the worst 0.8. A ratio of medians would be 0.5.
wall = decided["rounds_ms"]
cases.check("ratios are taken round by round", wall["peer"] == "jax/lanczos" and abs(wall["ratio"] - 1 / 3) < 1e-12 and wall["worst"] == 0.8)
cases.check("the least time", decided["time_holds"])
more = verdict([*rows[:-1], row("brink", "lanczos", 16, [2000, 2000, 2000])])
cases.rejects("more products than a peer", [] if more["products_hold"] else ["more"])
slow = verdict([*rows[:-1], row("brink", "lanczos", 15, [2000, 2000, 2000], [9000, 9000, 9000])])
cases.rejects("slower by one clock", [] if slow["time_holds"] else ["slower"])
cases.check("a solver that missed the target has no say", verdict(rows)["fewest_products_of_others"] != missed["products"])

lines = table(rows)
cases.check("the table has every row once", len(lines) == 2 + len(rows))
cases.check("fastest first, what was not timed last", [l.split("|")[1].strip() for l in lines[2:5]] == ["brink/lanczos", "jax/lanczos", "torch/pyhessian"]
            and lines[5].startswith("| torch/power_by_default"))
cases.check("ratios in the table", "| 15 | 9.0e-04 | 6.0 | 3.00 | 6.0 | 3.16 |" in lines[3] or [lines[3]])
cases.check("what missed the target says so", "above the target" in lines[5])
cases.close()
