# SPDX-License-Identifier: MIT
"""Flags, symbols and instructions: what the compiler and the linker were told and what they produced.

An object compiled for x86-64-v3 or -v4 may define a global symbol only if its name says so (it is a template on the tag X86V3
or X86V4). The linker keeps one copy of an inline function; if that were the copy with AVX-512, an older processor would stop.
usage: objects_test.py BUILD
"""

import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import LAYERS, Cases, command, compile_commands

NEEDED = "-ffp-contract=off"
BAD = re.compile(r"^-(Ofast|ffast-math|funsafe-math-optimizations|fassociative-math|freciprocal-math|ffinite-math-only|"
                 r"fno-signed-zeros|ffp-contract=(?!off).*|fopenmp.*|march=native|mtune=native)$")
LIBM = set("exp exp2 expm1 exp10 log log2 log10 log1p pow sin cos sincos tan asin acos atan atan2 sinh cosh tanh asinh acosh "
           "atanh erf erfc tgamma lgamma cbrt hypot".split())
TAGS = {"-march=x86-64-v3": "X86V3", "-march=x86-64-v4": "X86V4"}
FMA = re.compile(r"\bvfn?m(?:add|sub)\d+[ps][sd]\b")


def flag_complaints(entry):
    of_floats = [a for a in entry["arguments"] if a.startswith("-ffp-contract=")]
    if not of_floats or of_floats[-1] != NEEDED:
        yield f"{entry['file']}: without {NEEDED}"
    for argument in entry["arguments"]:
        if BAD.match(argument):
            yield f"{entry['file']}: {argument}"


def tag_of(entry):
    return next((tag for flag, tag in TAGS.items() if flag in entry["arguments"]), None)


def symbol_complaints(path, tag):
    said, status = command(["nm", "--defined-only", "-C", str(path)])
    if status:
        yield f"{path}: nm failed: {said}"
    for line in said.splitlines():
        found = re.match(r"[0-9a-f]* +([A-Za-z]) (.*)", line)
        # Capital letters are global, u and v, w are unique and weak. DW.ref.* is the unwinder's, data and the same everywhere.
        if found and (found[1].isupper() or found[1] in "uvw") and tag not in found[2] and not found[2].startswith("DW.ref."):
            yield f"{pathlib.Path(path).name}: {found[2]} is global and does not name {tag}"


def libm_complaints(path):
    said, status = command(["nm", "--undefined-only", str(path)])
    if status:
        yield f"{path}: nm failed: {said}"
    for name in re.findall(r"^ +[Uw] (\w+)", said, re.M):
        if name in LIBM or name[:-1] in LIBM and name[-1] in "fl":
            yield f"{pathlib.Path(path).name} calls {name} of libm"


def compile_like(entry, source, folder, leave_out=()):
    """Compiles `source` with the flags of `entry`; the path of the object."""
    path, arguments = pathlib.Path(folder, "control.cpp"), []
    path.write_text(source)
    own = iter(entry["arguments"])
    for argument in own:
        if argument in ("-o", "-MF", "-MQ", "-c"):
            next(own)
        elif argument not in ("-MD", *leave_out):
            arguments.append(argument)
    said, status = command([*arguments, "-c", str(path), "-o", str(path) + ".o"], cwd=entry["directory"])
    if status:
        sys.exit(f"the control does not compile: {said}")
    return str(path) + ".o"


def contracted(path):
    return FMA.findall(command(["objdump", "-d", "--no-show-raw-insn", path])[0])


build = sys.argv[1]
cases = Cases()
entries = compile_commands(build)
# Without CUDA the emulator has its own objects of the same sources; they are not part of the library.
library = [e for e in entries if e["file"].split("/")[0] in LAYERS and not e["output"].startswith("tests/")]
cases.check("compile commands were found", len(library) >= 4)
cases.check("flags", [c for e in entries for c in flag_complaints(e)])
first = library[0]["arguments"]
for extra in ["-ffast-math", "-Ofast", "-ffp-contract=fast", "-march=native"]:
    cases.rejects(f"flags {extra}", list(flag_complaints({"file": "control", "arguments": [*first, extra]})))
cases.rejects("flags left out", list(flag_complaints({"file": "control", "arguments": [a for a in first if a != NEEDED]})))

objects = [(pathlib.Path(e["directory"], e["output"]), e) for e in library]
cases.check("the library calls no libm", [c for path, _ in objects for c in libm_complaints(path)])

with tempfile.TemporaryDirectory() as folder:
    control = "#include <cmath>\nfloat control(float x) { return std::exp(x); }\n"
    cases.rejects("the library calls no libm", list(libm_complaints(compile_like(library[0], control, folder))))
    tagged = [(path, e, tag_of(e)) for path, e in objects if tag_of(e)]
    if not tagged:
        cases.skip("objects per instruction set", "this build has none")
    else:
        cases.check("symbols", [c for path, _, tag in tagged for c in symbol_complaints(path, tag)])
        for tag in sorted({tag for *_, tag in tagged}):
            entry = next(e for _, e, t in tagged if t == tag)
            inline = "[[gnu::noinline]] inline float twice(float x) { return x + x; }\nstatic float f(float x) { return twice(x); }\n" \
                     "float (*volatile keep)(float) = f;\n"
            cases.rejects(f"symbols {tag}", list(symbol_complaints(compile_like(entry, inline, folder), tag)))
            sum_of_product = "void control(float* a, float* b, float* c) {\n  for (int i = 0; i < 64; ++i) c[i] = a[i] * b[i] + c[i];\n}\n"
            cases.check(f"no contraction {tag}", contracted(compile_like(entry, sum_of_product, folder)))
            if "g++" in command([*entry["arguments"][:1], "--version"])[0] or "GCC" in command([*entry["arguments"][:1], "--version"])[0]:
                # g++ contracts by default, so leaving the flag out is enough to be caught.
                cases.rejects(f"no contraction {tag}", contracted(compile_like(entry, sum_of_product, folder, leave_out=(NEEDED,))))
            written = "void control(float* a, float* b, float* c) {\n  for (int i = 0; i < 64; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);\n}\n"
            cases.rejects(f"an fma that is written is one {tag}", contracted(compile_like(entry, written, folder)))
cases.close()
