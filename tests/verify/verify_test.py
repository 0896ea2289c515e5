# SPDX-License-Identifier: MIT
"""`brink verify` from outside: references made here, the shared ones, modified copies, and a run recomputed. References of
whole networks are the shared ones, and are skipped if absent.

Every comparison has a reference that is slightly wrong, which must be refused and named.
usage: verify_test.py BUILD
"""

import json
import math
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

brink = str(pathlib.Path(sys.argv[1], "tools", "brink").resolve())
shared = pathlib.Path(os.environ.get("BRINK_SHARED", ROOT.parent / "shared"))
cases = Cases()


def verify(*arguments):
    done = subprocess.run([brink, "verify", *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def expect(name, found, status, *texts):
    complaints = []
    if found[0] != status:
        complaints.append(f"status {status} expected, {found[0]} found: {found[2].strip()}\n{found[1]}")
    complaints += [f"expected {text!r} in {found[1] + found[2]}" for text in texts if text not in found[1] + found[2]]
    cases.check(name, complaints)


def closing(found, passed=None, failed=None, skipped=None):
    """Complaints about the last line."""
    words = found[1].strip().splitlines()[-1].replace(",", "").split() if found[1].strip() else []
    if words[1::2] != ["passed", "failed", "skipped"]:
        return [f"the closing line is {words}"]
    counts = [int(w) for w in words[0::2]]
    wanted = [passed, failed, skipped]
    return [f"counts {counts}, expected {wanted}"] if any(w not in (None, c) for w, c in zip(wanted, counts)) else []


def read_tensors(path):
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], data[8 + length:][slice(*v["data_offsets"])]) for k, v in header.items()}


def write_tensors(path, tensors):
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def doubles(shape, values):
    return "F64", shape, struct.pack(f"<{len(values)}d", *values)


def made_reference(folder):
    """Writes references: a product of two parameters with another start and target, stable and diverging; subspaces of k = 1 and 3."""
    folder.mkdir()
    index = {}

    start, target, steps, rates = [1.25, -0.75], -2.0, 17, [0.05, 0.3, 2.0]
    columns = ["loss", "lambda_min", "lambda_max", "theta1", "theta0", "alignment_ratio"]
    tensors = {}
    for rate in rates:
        a, b = start
        rows = []
        for _ in range(steps):
            try:
                residual = a * b - target
                half_trace, cross = (a * a + b * b) / 2, 2 * a * b - target
                root = math.hypot((b * b - a * a) / 2, cross)
                largest = half_trace + root
                u = (cross, largest - b * b) if abs(a) > abs(b) else (largest - a * a, cross)
                ratio = abs(u[1] / u[0]) if abs(b) < abs(a) else abs(u[0] / u[1])
                rows += [residual * residual / 2, (a * a * b * b - cross * cross) / largest, largest, b, a, ratio]
                a, b = a - rate * residual * b, b - rate * residual * a
            except (OverflowError, ZeroDivisionError):
                rows += [math.nan] * 6
                a = b = math.nan
        tensors[f"lr_{rate}"] = doubles([steps, len(columns)], rows)
    write_tensors(folder / "other_dln.safetensors", tensors)
    index["other_dln"] = {"kind": "dln", "start": start, "target": target, "learning_rates": rates, "steps": steps, "columns": columns}

    for name, angles in {"line": [0.7], "three": [1e-5, 0.4, 1.3]}.items():
        n, k = 11, len(angles)
        u, v = [0.0] * (n * k), [0.0] * (n * k)
        for j, angle in enumerate(angles):
            u[j * k + j] = 1.0
            v[j * k + j], v[(k + j) * k + j] = math.cos(angle), math.sin(angle)
        distance = math.hypot(*angles)
        write_tensors(folder / f"{name}.safetensors", {"U": doubles([n, k], u), "V": doubles([n, k], v),
                                                       "principal_angles": doubles([k], angles)})
        similarity = math.cos(distance / math.sqrt(k))
        index[name] = {"kind": "subspace", "geodesic_distance": distance, "cosine_grassmannian_similarity": similarity,
                       "cosine_grassmannian_misalignment": 1 - similarity}
    index["of the future"] = {"kind": "hologram"}
    index["net"] = {"kind": "network", "model": "transformer"}
    index["pictures"] = {"kind": "fmnist"}
    (folder / "golden.json").write_text(json.dumps(index))


def changed(source, target, case, tensor, change):
    """A copy of the reference `source` with one tensor changed by change(tuple of dtype, shape, bytes), or left out if that
    returns None."""
    target.mkdir()
    for file in [source / "golden.json", *source.glob("*.safetensors")]:
        (target / file.name).symlink_to(file.resolve())
    tensors = read_tensors(source / f"{case}.safetensors")
    if change:
        tensors[tensor] = change(tensors[tensor])
    else:
        del tensors[tensor]
    (target / f"{case}.safetensors").unlink()
    write_tensors(target / f"{case}.safetensors", tensors)
    return target


def one_value(index, factor):
    def change(tensor):
        dtype, shape, data = tensor
        code = "d" if dtype == "F64" else "i"
        values = list(struct.unpack(f"<{len(data) // (8 if code == 'd' else 4)}{code}", data))
        largest = max(range(len(values)), key=lambda i: abs(values[i])) if index is None else index
        values[largest] = values[largest] * factor if code == "d" else values[largest] + 1
        return dtype, shape, struct.pack(f"<{len(values)}{code}", *values)
    return change


def set_value(index, value):
    def change(tensor):
        dtype, shape, data = tensor
        return dtype, shape, data[:8 * index] + struct.pack("<d", value) + data[8 * index + 8:]
    return change


def changed_scalar(source, target, case, key, change):
    shutil.copytree(source, target, copy_function=os.symlink)
    index = json.loads((source / "golden.json").read_text())
    change(index[case], key)
    (target / "golden.json").unlink()
    (target / "golden.json").write_text(json.dumps(index))
    return target


def scaled(entry, key):
    entry[key] *= 1 + 1e-6


def not_a_number(entry, key):
    entry[key] = math.nan


def removed(entry, key):
    del entry[key]


with tempfile.TemporaryDirectory() as temporary:
    here = pathlib.Path(temporary)

    found = verify()
    expect("closed forms", found, 0)
    cases.check("closed forms: closing line", closing(found, failed=0, skipped=0))

    made = here / "made"
    made_reference(made)
    found = verify("--reference", made)
    expect("a reference made here", found, 0, "skipped of the future: unknown kind hologram", "skipped net: model transformer",
           "skipped pictures: needs the official Fashion-MNIST files", "lr_2.0 finite at the end")
    cases.check("a reference made here: closing line", closing(found, failed=0, skipped=3))
    wrong = [("other_dln", "lr_0.3", one_value(None, 1 + 1e-6), "FAILED"), ("three", "V", one_value(None, 1 + 1e-3), "FAILED"),
             ("three", "principal_angles", one_value(0, 1 + 1e-3), "principal_angles"),
             ("other_dln", "lr_0.05", one_value(3, math.nan), "lr_0.05")]
    for case, tensor, change, text in wrong:
        name = f"{case} {tensor} changed {len(list(here.iterdir()))}"
        found = verify("--reference", changed(made, here / name, case, tensor, change))
        expect(name, found, 1, text, "FAILED")
    for case, tensor in [("other_dln", "lr_0.3"), ("three", "U"), ("line", "principal_angles")]:
        name = f"{case} without {tensor}"
        expect(name, verify("--reference", changed(made, here / name, case, tensor, None)), 3, f"{case}.safetensors", tensor)
    expect("a scalar changed", verify("--reference", changed_scalar(made, here / "s1", "line", "geodesic_distance", scaled)), 1,
           "geodesic_distance", "FAILED")
    expect("a scalar that is NaN", verify("--reference", changed_scalar(made, here / "s3", "line", "geodesic_distance", not_a_number)),
           1, "geodesic_distance", "FAILED")
    expect("a scalar missing", verify("--reference", changed_scalar(made, here / "s2", "other_dln", "target", removed)), 3,
           "golden.json: other_dln: target")
    (here / "skipped").mkdir()
    index = {"much later": {"kind": "chart"}, "later": {"kind": "hologram"}}
    (here / "skipped" / "golden.json").write_text(json.dumps(index))
    expect("a reference of which everything is skipped is no success", verify("--reference", here / "skipped"), 1,
           "0 passed, 0 failed, 2 skipped", "nothing was compared")
    (here / "empty").mkdir()
    expect("no reference", verify("--reference", here / "empty"), 3, "golden.json")
    expect("a wrong setting", verify("--reference", made, "--set", "training.steps=3"), 2, "training.steps=3")
    expect("RUN and a reference", verify(made, "--reference", made), 2)

    golden = shared / "golden"
    if (golden / "golden.json").exists():
        found = verify("--reference", golden)
        print(found[1])
        expect("the shared reference", found, 0, "skipped fmnist4_mlp")
        index = json.loads((golden / "golden.json").read_text())
        for case in [c for c, e in index.items() if e["kind"] == "network"]:
            rows = [line.split()[1] for line in found[1].splitlines() if line.startswith(case + " ") and "passed" in line]
            wanted = {"loss", "logits", "gradient", "hvp", "gauss_newton_vp", "d3_v", "top_eigenvalues", "bottom_eigenvalues"}
            cases.check(f"the shared reference: {case} is compared in full", wanted <= set(rows))
        # A small normalised network: one wrong number is found, also where uninitialised memory is left out and rounding is
        # measured separately.
        by_size = sorted((e["parameters"], c) for c, e in index.items() if e["kind"] == "network" and "ghost" in e)
        if by_size:
            case = by_size[0][1]
            alone = here / "alone"
            alone.mkdir()
            (alone / "golden.json").write_text(json.dumps({case: index[case]}))
            (alone / f"{case}.safetensors").symlink_to((golden / f"{case}.safetensors").resolve())
            first = index[case]["parameter_order"][0]
            for tensor, change in [("top_eigenvalues", one_value(0, 1 + 1e-6)), ("top_eigenvalues", set_value(1, 0.0)),
                                   ("bottom_eigenvalues", one_value(0, 1 + 1e-4)), (f"gradient/{first}", set_value(0, 1e-300)),
                                   (f"hvp/{first}", one_value(None, 1 + 1e-6))]:
                name = f"{case} {tensor.replace('/', ' ')} changed {len(list(here.iterdir()))}"
                expect(name, verify("--reference", changed(alone, here / name, case, tensor, change)), 1, "FAILED", tensor.split("/")[0])
            name = f"{case} top_eigenvalues all unwritten"
            expect(name, verify("--reference", changed(alone, here / name, case, "top_eigenvalues", set_value(0, 5e-324))), 3,
                   "found a subnormal number first")
            shutil.copytree(alone, here / "groups", copy_function=os.symlink)
            index_of_one = {case: index[case] | {"ghost": index[case]["ghost"] + 1}}
            (here / "groups" / "golden.json").unlink()
            (here / "groups" / "golden.json").write_text(json.dumps(index_of_one))
            expect(f"{case} with another ghost group", verify("--reference", here / "groups"), 1, "FAILED")
        # Adaptive rules: each run is compared, and a setting decides.
        for case in [c for c, e in index.items() if e["kind"] == "optimizers"][:1]:
            alone = here / "optimizers"
            alone.mkdir()
            (alone / "golden.json").write_text(json.dumps({case: index[case]}))
            (alone / f"{case}.safetensors").symlink_to((golden / f"{case}.safetensors").resolve())
            expect(case, verify("--reference", alone), 0, f"{2 * len(index[case]['runs'])} passed, 0 failed, 0 skipped")
            for run in index[case]["runs"]:
                name = f"{case} {run} loss changed"
                expect(name, verify("--reference", changed(alone, here / name, case, f"{run}/loss", one_value(None, 1 + 1e-7))), 1, "FAILED", run)
            for key, value, status, text in [("beta2", 0.98, 1, "FAILED"), ("bias_correction", False, 1, "FAILED"), ("epsilon", -1, 3, "epsilon"),
                                             ("learning_rate", 0, 3, "runs.adam.learning_rate: expected a positive number"),
                                             ("bias_correction", 1, 3, "runs.adam.bias_correction: expected true or false")]:
                name = f"{case} adam {key} {value}"
                expect(name, verify("--reference", changed_scalar(alone, here / name, case, "runs",
                                                                  lambda entry, runs: entry[runs]["adam"].update({key: value}))), status, text)
        # A tensor that consists of rounding is named and still compared: an error far above rounding is found in it.
        named = [line for line in found[1].splitlines() if "rounding alone:" in line and " gradient " in line][:1]
        cases.check("a tensor that is rounding alone is named", bool(named) or found[1].splitlines())
        for line in named:
            case, tensor = line.split()[0], "gradient/" + line.split("rounding alone:")[1].split()[0]
            alone = here / "rounding"
            alone.mkdir()
            (alone / "golden.json").write_text(json.dumps({case: index[case]}))
            (alone / f"{case}.safetensors").symlink_to((golden / f"{case}.safetensors").resolve())
            for value, status in [(1e-13, 1), (1e-17, 0)]:
                name = f"{case} {tensor.replace('/', ' ')} set to {value}"
                expect(name, verify("--reference", changed(alone, here / name, case, tensor, set_value(0, value * index[case]["gradient_norm"]))),
                       status, tensor.split("/")[1])
        networks = [c for c, e in index.items() if e["kind"] == "network" and e["model"] == "mlp"][:1]
        small = here / "small"  # the modified copies need only the modified cases
        small.mkdir()
        descents = [c for c, e in index.items() if e["kind"] == "descent"][:1]
        (small / "golden.json").write_text(json.dumps({c: index[c] for c in networks + descents}))
        for c in networks + descents:
            (small / f"{c}.safetensors").symlink_to((golden / f"{c}.safetensors").resolve())
        net, gd = networks[0], descents[0]
        for case, tensor in [(net, "gradient/dense0.weight"), (net, "hvp/dense1.bias"), (net, "gauss_newton_vp/dense1.weight"),
                             (net, "logits"), (net, "top_eigenvalues"), (net, "all_eigenvalues"), (gd, "loss"), (gd, "correct")]:
            name = f"{case} {tensor.replace('/', ' ')} changed"
            change = one_value(0 if case == gd else None, 1 + 1e-6)
            found = verify("--reference", changed(small, here / name, case, tensor, change))
            expect(name, found, 1, "FAILED", case)
            rows = [line for line in found[1].splitlines() if "FAILED" in line]
            cases.check(f"{name}: named", bool(rows) and all(tensor.split("/")[0] in r and r.startswith(case) for r in rows))
        found = verify("--reference", changed(small, here / "another λ₁", net, "all_eigenvalues", one_value(None, 1.2)))
        rows = [line for line in found[1].splitlines() if "density in standard errors" in line and "FAILED" in line]
        cases.check("a density of other eigenvalues is refused", found[0] == 1 and len(rows) == 1 or found[1].splitlines())
        for key in ["loss", "d3_v", "trace"]:
            expect(f"{net} {key} changed", verify("--reference", changed_scalar(small, here / f"{key}", net, key, scaled)), 1, key)
        for case, tensor in [(net, "hvp/dense0.bias"), (net, "all_eigenvalues"), (gd, "period2_distance"), (gd, "final_parameter/dense0.bias")]:
            name = f"{case} without {tensor.replace('/', ' ')}"
            expect(name, verify("--reference", changed(small, here / name, case, tensor, None)), 3, f"{case}.safetensors", tensor)
    else:
        cases.skip("the shared reference", f"{golden} is absent; BRINK_SHARED names its parent")

    run = here / "run"
    settings = ["training.steps=12", "data.train=200", "data.test=40", "model.hidden=[6]", "measure.top=2"]
    done = subprocess.run([brink, "train", "--out", run, *[x for s in settings for x in ("--set", s)]], capture_output=True, text=True)
    cases.check("a run to recompute", done.returncode == 0 or [done.stderr])
    found = verify(run)
    expect("a run recomputed", found, 0, "metrics.csv")
    cases.check("a run recomputed: closing line", closing(found, failed=0, skipped=0))
    expect("a run recomputed with another number of threads", verify(run, "--set", "run.threads=1"), 0)
    expect("a run recomputed under other settings", verify(run, "--set", "training.steps=13"), 2)
    kept = here / "kept"
    subprocess.run([brink, "train", "--out", kept, *[x for s in settings + ["run.keep_checkpoints=[3,6]"] for x in ("--set", s)]], capture_output=True)
    empty, before = here / "tmp", {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()}
    empty.mkdir()
    done = subprocess.run([brink, "verify", kept], capture_output=True, text=True, env={**os.environ, "TMPDIR": str(empty)})
    expect("a run recomputed between its checkpoints", (done.returncode, done.stdout, done.stderr), 0, "checkpoints", "step 3", "step 6")
    cases.check("a run recomputed: nothing is written", not list(empty.iterdir()) and before == {p: p.read_bytes() for p in kept.rglob("*") if p.is_file()})
    checkpoint = kept / "checkpoints" / "step-0000000003.safetensors"
    damaged = bytearray(checkpoint.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    checkpoint.write_bytes(damaged)
    expect("one bit of a checkpoint", verify(kept), 1, "FAILED", checkpoint.name)
    metrics = (run / "metrics.csv").read_text()
    lines = metrics.splitlines(keepends=True)
    cells = lines[8].split(",")
    cells[1] = cells[1][:-1] + ("1" if cells[1][-1] != "1" else "2")
    for name, text, said in [
            ("one digit", "".join(lines[:8] + [",".join(cells)] + lines[9:]), "first difference: step 7, column loss"),
            ("a row less", "".join(lines[:-1]), "first difference: step 12: not recorded"),
            ("a row more", metrics + lines[-1], "not recomputed"), ("another header", metrics.replace("loss", "lost", 1), "column 2")]:
        (run / "metrics.csv").write_text(text)
        expect(f"a run with {name}", verify(run), 1, said)
    (run / "metrics.csv").unlink()
    expect("a run without metrics", verify(run), 3, "metrics.csv")
    (run / "metrics.csv").write_text(metrics)
    (run / "config.toml").write_text("[training\n")
    expect("a run with a damaged config", verify(run), 3, "config.toml")
    expect("no run", verify(here / "none"), 3, "expected the folder of a run, found nothing")
cases.close()
