# SPDX-License-Identifier: MIT
"""What nvcc makes of the CUDA kernels: a scan of the PTX for sm_80, sm_86 and sm_90, and no spills on sm_90 where speed depends
on it.

PTX is scanned and not SASS: IEEE division and square root are built from approximate seeds there, so instruction names do not
show approximation. "Fused only where written" is checked by line numbers: every fma of the PTX must come from a source line
that contains fma. The flags are those of the build (BUILD/tests/cuda_arithmetic.json, written by meson.build), and a CUDA build
must have used them.
usage: ptx_test.py BUILD [--all]   (without --all: all kernels for sm_90, matmul and reduce for sm_80 and sm_86 as well)
"""

import concurrent.futures
import functools
import json
import pathlib
import re
import shlex
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases, command

ARCHITECTURES = ["90", "80", "86"]
FAST = ("kernels/matmul/", "kernels/reduce/")
NO_SPILLS = (*FAST, "kernels/conv/")
FLOATS = r"(?:f16|f16x2|bf16|bf16x2|tf32|f32|f64)"
RULES = [
    (r"\.approx\b", "an approximation"),
    (r"\.ftz\b", "denormals are flushed"),
    (r"^(?:mul|add|sub|fma|mad|div|rcp|sqrt)\b(?!.*\.rn\b).*\.%s\b" % FLOATS, "not rounded to nearest, or free to be contracted"),
    (r"^(?:atom|red)\b.*\.%s\b" % FLOATS, "an atomic on floats: the order of additions would be lost"),
    (r"^atom\b.*\.(?:cas|exch)\b", "compare-and-swap or exchange: an atomic on floats could be made of it"),
    (r"^w?g?mma\b", "tensor cores: their sums have no order"),
    (r"\.sat\b.*\.%s\b" % FLOATS, "saturation"),
]


@functools.lru_cache(maxsize=None)
def lines_of(path):
    try:
        return pathlib.Path(path).read_text(errors="replace").split("\n")
    except OSError:
        return []


def ptx_complaints(ptx):
    """Everything in the text of a PTX module that the arithmetic contract forbids."""
    files = dict(re.findall(r'^\s*\.file\s+(\d+)\s+"([^"]+)"', ptx, re.M))
    place = None
    for line in ptx.split("\n"):
        line = line.split("//")[0].strip()
        loc = re.match(r"\.loc\s+(\d+)\s+(\d+)", line)
        if loc:
            place = (files.get(loc[1], "?"), int(loc[2]))
        opcode = re.match(r"(?:@!?%p\d+\s+)?(\w[\w.:]*)", line)
        if loc or not opcode or not line.endswith(";"):
            continue
        opcode = opcode[1]
        for pattern, why in RULES:
            if re.search(pattern, opcode):
                yield f"{opcode}: {why} ({place[0]}:{place[1]})" if place else f"{opcode}: {why}"
        if re.match(r"fma\b", opcode):
            lines = lines_of(place[0]) if place else []
            if not place or place[1] > len(lines) or "fma" not in lines[place[1] - 1]:
                yield f"{opcode}: contracted, its source line says nothing of fma ({place[0]}:{place[1]})" if place else opcode
    for name in re.findall(r"^\s*\.extern\s+\.func\b.*?(\w+)\s*$", ptx, re.M):
        yield f"calls {name}"
    if ".entry" not in ptx:
        yield "no kernel was found"


def spill_complaints(said):
    functions = re.findall(r"Function properties for (\w+)\n\s*\d+ bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", said)
    for name, stores, loads in functions:
        if int(stores) or int(loads):
            yield f"{name}: {stores} bytes of spill stores, {loads} of spill loads"
    if not functions:
        yield "ptxas reported no kernel"


def flag_complaints(arguments):
    """Whether a compile command of the build has the required flags, and none that undoes them."""
    for flag in FLAGS:
        if flag not in arguments:
            yield f"without {flag}"
    for argument in arguments:
        name, _, value = re.sub(r"^-+", "--", argument).partition("=")
        if name == "--use_fast_math" or argument not in FLAGS and name in {"--" + f.strip("-").split("=")[0] for f in FLAGS if "Xcompiler" not in f}:
            yield f"{argument} undoes the contract"


def compile_source(source, arch, folder, flags):
    """PTX of a source for one architecture and, for 90, the output of ptxas."""
    kept = pathlib.Path(tempfile.mkdtemp(dir=folder))
    ptx = kept / "a.ptx"
    base = [NVCC, "-std=c++20", *flags, "-DBRINK_WITH_CUDA=1", f"-I{ROOT}", "-lineinfo"]
    said, status = command([*base, f"-arch=compute_{arch}", "-ptx", "-o", str(ptx), str(source)], cwd=ROOT)
    if status:
        sys.exit(f"{source} does not compile: {said}")
    return ptx.read_text()


def assemble(ptx, folder, *options):
    path = pathlib.Path(tempfile.mkdtemp(dir=folder)) / "a.ptx"
    path.write_text(ptx)
    said, status = command([PTXAS, "-arch=sm_90", "-v", *options, str(path), "-o", str(path) + ".cubin"])
    if status:
        sys.exit(f"ptxas: {said}")
    return said


CONTROLS = {
    "__expf": "__global__ void control(float* a) { a[0] = __expf(a[1]); }",
    "a float atomic": "__global__ void control(float* a) { atomicAdd(a, a[1]); a[1] = atomicExch(a + 2, 1.0f); }",
    "a double atomic": "__global__ void control(double* a) { atomicAdd(a, a[1]); }",
    "a float atomic made of compare-and-swap": """__global__ void control(float* a) {
  int* bits = reinterpret_cast<int*>(a);
  int seen = *bits, expected;
  do {
    expected = seen;
    seen = atomicCAS(bits, expected, __float_as_int(__int_as_float(expected) + a[1]));
  } while (seen != expected);
}
""",
    "a reciprocal square root": "__global__ void control(float* a) { a[0] = rsqrtf(a[1]); }",
    "a sum rounded up": "__global__ void control(float* a) { a[0] = __fadd_ru(a[1], a[2]); }",
}
SUM_OF_PRODUCT = "__global__ void control(float* a, double* d) {\n  a[0] = a[1] * a[2] + a[3];\n  d[0] = d[1] * d[2] + d[3];\n}\n"
CLEAN = """#include <cmath>
__global__ void control(float* a, double* d) {
  a[0] = std::fma(a[1], a[2], a[3]) / std::sqrt(a[4]);
  d[0] = std::fma(d[1], d[2], d[3]) / std::sqrt(d[4]);
  a[5] = a[6] * a[7] + static_cast<float>(d[5]);
  atomicAdd(reinterpret_cast<int*>(a + 9), 1);
}
"""
MANY_SUMS = """__global__ void control(float* a) {
  a += 65000 * threadIdx.x;  // or the sums would be the same in all threads and go to uniform registers
  float sum[64];
#pragma unroll
  for (int i = 0; i < 64; ++i) sum[i] = a[i];
  for (int k = 0; k < 1000; ++k)
#pragma unroll
    for (int i = 0; i < 64; ++i) sum[i] = sum[i] + a[64 * k + i] * sum[(i + 1) % 64];
#pragma unroll
  for (int i = 0; i < 64; ++i) a[i] = sum[i];
}
"""

build = pathlib.Path(sys.argv[1])
everything = "--all" in sys.argv[2:]
cases = Cases()
described = json.loads((build / "tests" / "cuda_arithmetic.json").read_text())
FLAGS, sources = described["flags"], [pathlib.Path(s).resolve().relative_to(ROOT).as_posix() for s in described["sources"]]
NVCC = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
PTXAS = NVCC and shutil.which("ptxas", path=str(pathlib.Path(NVCC).resolve().parent))

commands = [e for e in json.loads((build / "compile_commands.json").read_text()) if e["file"].endswith(".cu")]
if commands:
    cases.check("flags of the build", [f"{e['file']}: {c}" for e in commands for c in flag_complaints(shlex.split(e["command"]))])
else:
    cases.skip("flags of the build", "this build has no CUDA")
cases.check("flags", list(flag_complaints(["nvcc", *FLAGS])))
for extra in ["--fmad=true", "-fmad=true", "-ftz=true", "--prec-div=false", "-use_fast_math"]:
    cases.rejects(f"flags {extra}", list(flag_complaints(["nvcc", *FLAGS, extra])))
for flag in FLAGS:
    cases.rejects(f"flags without {flag}", list(flag_complaints(["nvcc", *(f for f in FLAGS if f != flag)])))
every_kernel = sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("kernels/*/*_cuda.cu") if p.parent.name != "cuda")
cases.check("every room's kernels are in the list", [f"not in kernels_cuda_sources: {p}" for p in every_kernel if p not in sources])

if not NVCC:
    for source in sources:
        cases.skip(source, "nvcc is not installed")
    cases.close()

with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as two:
    jobs = [(s, a) for s in sources for a in ARCHITECTURES if everything or a == "90" or s.startswith(FAST)]
    if not everything:
        left_out = len(sources) * len(ARCHITECTURES) - len(jobs)
        cases.skip(f"PTX of {left_out} more sources and architectures", "long")
    texts = dict(zip(jobs, two.map(lambda job: compile_source(*job, folder, FLAGS), jobs)))
    for (source, arch), ptx in texts.items():
        cases.check(f"{source} sm_{arch}", sorted(set(ptx_complaints(ptx))))
    for source in sources:
        if source.startswith(NO_SPILLS):
            cases.check(f"{source}: no spills on sm_90", list(spill_complaints(assemble(texts[source, "90"], folder))))

    def control(text, flags):
        path = pathlib.Path(tempfile.mkdtemp(dir=folder)) / "control.cu"
        path.write_text(text)
        return compile_source(path, "90", folder, flags)

    for name, text in CONTROLS.items():
        cases.rejects(name, list(ptx_complaints(control(text, FLAGS))))
    cases.check("what is written, division, square root and integer atomics are let through", list(ptx_complaints(control(CLEAN, FLAGS))))
    cases.check("a·b + c stays two roundings", list(ptx_complaints(control(SUM_OF_PRODUCT, FLAGS))))
    contracting = control(SUM_OF_PRODUCT, [f.replace("fmad=false", "fmad=true") for f in FLAGS])
    cases.check("contraction: the control contracts", "fma.rn.f32" in contracting and "fma.rn.f64" in contracting)
    cases.rejects("contraction", list(ptx_complaints(contracting)))
    cases.rejects("flushed denormals", list(ptx_complaints(control(SUM_OF_PRODUCT, [f.replace("ftz=false", "ftz=true") for f in FLAGS]))))
    many = control(MANY_SUMS, FLAGS)
    cases.check("64 sums fit into registers", list(spill_complaints(assemble(many, folder))))
    cases.rejects("spills", list(spill_complaints(assemble(many, folder, "-maxrregcount=32"))))
cases.close()
