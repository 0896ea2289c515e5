# SPDX-License-Identifier: MIT
"""Builds the readers of untrusted files with clang's fuzzer and sanitizers, and runs each for ten seconds, with --all for five
minutes.

Only the readers are compiled again; the rest comes from the library in the build folder. A finding leaves its input in
BUILD/fuzz, and the command that repeats it is printed. Each begins with the inputs of tests/fuzz/corpus, which --keep replaces by the
smallest set that covers as much.
usage: fuzz_test.py BUILD [--all] [--keep] [SECONDS] [NAME…]
"""

import concurrent.futures
import gzip
import io
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases, command
from numpy_files import npy, npz

FUZZERS = ["config", "safetensors", "arrays", "labels", "idx", "cifar", "archive", "json", "checkpoint"]
READERS = ["data/array_file", "data/arrays", "data/cifar", "data/gzip", "data/idx", "data/official_file", "data/tar", "io/json", "io/nesting", "io/npy", "io/safetensors", "io/toml", "io/utf8", "io/zip",
           "run/checkpoint", "run/config/changes", "run/config/conflicts", "run/config/hints", "run/config/keys", "run/config/parse", "run/config/toml_file", "run/config/values", "run/config/write"]
LONGEST_INPUT = {"cifar": 10000}
LIBRARIES = ["fmt", "libxxhash", "zlib"]
CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
MOST_CORPUS_BYTES = 1_000_000


def private_libraries(build):
    """What programs that link the static library need besides: CUDA's runtime where it is built with CUDA."""
    described = (build / "meson-private" / "brink.pc").read_text().splitlines()
    words = [word for line in described if line.startswith("Libs.private:") for word in line.split()[1:]]
    nvcc = shutil.which("nvcc")
    return " ".join([f"-L{pathlib.Path(nvcc).resolve().parents[1] / 'lib64'}"] * bool(nvcc) + words)


def build_file(folder, library):
    """Ninja's rules: a program for each fuzzer, of its own source and all readers."""
    compiler = ("ccache " if shutil.which("ccache") else "") + "clang++-14"
    # toml++ 3.3 tells the compiler that its argument is at least U+049A in a place where it may be smaller; its result is then
    # correct all the same.
    flags = "-std=c++20 -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-sanitize=unreachable"
    packages = subprocess.run(["pkg-config", "--libs", *LIBRARIES], capture_output=True, text=True, check=True).stdout.strip()
    lines = ["rule compile", f"  command = {compiler} {flags} -I{ROOT} -MD -MF $out.d -c $in -o $out", "  depfile = $out.d",
             "  deps = gcc", "rule link", f"  command = clang++-14 -fsanitize=fuzzer,address,undefined $in -o $out {packages} {private_libraries(library.parent)} -ldl -pthread"]
    objects = [reader.replace("/", "_") + ".o" for reader in READERS]
    for reader, target in zip(READERS, objects):
        lines.append(f"build {target}: compile {ROOT / 'training' / reader}.cpp")
    for name in [*FUZZERS, "control"]:
        lines.append(f"build {name}_fuzz.o: compile {ROOT / 'tests' / 'fuzz' / name}_fuzz.cpp")
        lines.append(f"build {name}: link {name}_fuzz.o {' '.join(objects)} {library}")
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def safetensors():
    header = json.dumps({"__metadata__": {"step": "3"}, "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
                         "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(11)


def checkpoint():
    values = {"format": "1", "version": "1.0", "config_hash": "0" * 16, "step": "3", "trainer/step": "integer 3", "trainer/at": "real 0x1.8p+1",
              "trainer/no": "real nan", "run/started": "text ü", "run/resumed_at": "list 1 -2"}
    header = json.dumps({"__metadata__": values, "trainer/theta": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                         "footer": {"dtype": "U8", "shape": [56], "data_offsets": [8, 64]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + bytes(8) + b"brinkckp" + struct.pack("<qq", 1, 3) + b"0" * 16 + bytes(16)


def archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, size in [("folder/a.bin", 700), ("b", 3)]:
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
    return out.getvalue()


def arrays(method):
    return npz({"x": npy("<f4", (3, 2), bytes(24)), "y": npy("|u1", (3,), b"\0\1\2")}, method)


IDX = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(12))
CONFIG = b"""[data]
name = "fmnist4"
directory = "d \\u00fc"
[model]
name = 'vgg'
channels = [8, 16]
norm_mode = \"\"\"evaluation\"\"\"
[training]
learning_rate = 0.1 # a comment
steps = 1_000
[measure]
top = 0x2
tolerance = 1e-3
[run]
memory = "2GiB"
threads = "all"
"""
# Initial inputs: correct ones, and ones that nest in each way.
SEEDS = {
    "config": [b"\0" + CONFIG, b"\1model.hidden=[3, 4]\nrun.memory=1GiB\ntraining.learning_rate=.1", b"\0" + b"[" + b"a." * 99,
               b"\0a = " + b"[" * 99, b"\0a = " + b"{a=" * 99, b"\1model.name=dln\nmodel.start=[1, -2.5e-30]\ntraining.lr=3",
               b"\0a = [1, }", b"\0a = [\xe2\x80\xa8"],
    "safetensors": [safetensors(), safetensors()[8:-11], b'{"a":' + b"[" * 99 + b"}"],
    "arrays": [arrays(zipfile.ZIP_STORED), arrays(zipfile.ZIP_DEFLATED), npy(">f8", (2, 2), bytes(32)), safetensors(), npy("|O", (1,), b"\x80\4N.")],
    "labels": [bytes([type_ | label << 3, 3, 2, channels]) + bytes([0, 1, 2]) + bytes(60)
               for type_, label, channels in [(0, 0, 0), (1, 1, 3), (2, 1, 0), (3, 0, 0), (4, 1, 1)]],
    "idx": [IDX, gzip.compress(IDX, mtime=0), gzip.compress(IDX[:9], mtime=0) + gzip.compress(IDX[9:], mtime=0) + bytes(9),
            bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]), b"<!doctype html><html>"],
    "cifar": [bytes(3073), b"\t" + bytes(6145), b"<html>"],
    "archive": [archive(), gzip.compress(archive(), mtime=0), gzip.compress(b"a", mtime=0) * 2 + bytes(20)],
    "json": [b'{"status": "finished", "a": [1, 2.5e3, null, true], "\\u00fc\\ud83d\\ude00": {}}', b"[" * 99, b'{"a":' * 99, b"[1e999]"],
    "checkpoint": [checkpoint(), checkpoint()[:-56] + bytes(56), checkpoint()[:200], b""],
    "control": [b"["],
}


def kept_inputs(name):
    archive = CORPUS / f"{name}.zip"
    if not archive.exists():
        return []
    with zipfile.ZipFile(archive) as inputs:
        return [inputs.read(member) for member in inputs.namelist()]


def keep(folder, name):
    """Replaces the kept inputs of a fuzzer by the smallest set that covers what the corpus covers, the shortest first."""
    smallest = folder / f"{name}_smallest"
    shutil.rmtree(smallest, ignore_errors=True)
    smallest.mkdir()
    command([str(folder / name), "-merge=1", f"-max_len={LONGEST_INPUT.get(name, 4096)}", str(smallest), str(folder / f"{name}_corpus")], cwd=folder)
    CORPUS.mkdir(exist_ok=True)
    room = MOST_CORPUS_BYTES // len(FUZZERS)
    inputs = sorted((path.read_bytes() for path in smallest.iterdir()), key=lambda data: (len(data), data))
    with zipfile.ZipFile(CORPUS / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for i, data in enumerate(inputs):
            room -= len(data) + 150
            if room < 0:
                break
            archive.writestr(zipfile.ZipInfo(f"{i:05}"), data, zipfile.ZIP_DEFLATED)


def fuzz(folder, name, seconds):
    """(complaints: the fuzzer's output if it found something, what it says of itself)"""
    corpus = folder / f"{name}_corpus"
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir()
    for i, seed in enumerate(SEEDS[name] + kept_inputs(name)):
        (corpus / f"seed{i}").write_bytes(seed)
    arguments = [str(folder / name), "-seed=1", f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT.get(name, 4096)}",
                 "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={folder}/{name}-", str(corpus)]
    said, status = command(arguments, cwd=folder, env=os.environ | {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=0"})
    runs = [line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line]
    about = f"{name}: {runs[0] if runs else 'no'} inputs in {seconds} s"
    return [] if status == 0 and runs and int(runs[0]) > 100 else [
        " ".join(arguments), f"status {status}",
        *[line for line in said.splitlines() if line.lstrip().startswith(("==", "SUMMARY", "#", "Base64", "Test unit"))]], about


cases = Cases()
folder = pathlib.Path(sys.argv[1], "fuzz").resolve()
folder.mkdir(exist_ok=True)
probe = folder / "probe.cpp"
probe.write_text('extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }\n')
if not shutil.which("clang++-14"):
    cases.skip("fuzzing", "clang++-14 is not installed")
    cases.close()
if command(["clang++-14", "-fsanitize=fuzzer,address,undefined", str(probe), "-o", str(folder / "probe")])[1] != 0:
    cases.skip("fuzzing", "clang's runtime libraries are not installed (Debian: libclang-rt-14-dev)")
    cases.close()
build_file(folder, pathlib.Path(sys.argv[1], "libbrink.a").resolve())
said, status = command(["ninja", "-C", str(folder), "-j", os.environ.get("BRINK_JOBS") or str(os.cpu_count())])
cases.check("the fuzzers are built", said.splitlines()[-40:] if status else [])
if status == 0:
    given = [int(a) for a in sys.argv[2:] if a.isdigit()]
    seconds = given[0] if given else 300 if "--all" in sys.argv else 10
    chosen = [name for name in FUZZERS if name in sys.argv[2:]] or FUZZERS
    with concurrent.futures.ThreadPoolExecutor(max(1, min(os.cpu_count(), 2))) as pool:
        for name, (found, about) in zip(chosen, pool.map(lambda name: fuzz(folder, name, seconds), chosen)):
            print(about)
            cases.check(f"fuzzing {name}", found)
            if "--keep" in sys.argv and not found:
                keep(folder, name)
    found, _ = fuzz(folder, "control", 3)
    cases.rejects("fuzzing", found if any("heap-buffer-overflow" in line for line in found) else [])
    kept = sum(path.stat().st_size for path in CORPUS.glob("*.zip"))
    cases.check("the kept inputs are small", [f"{kept} bytes in {CORPUS}: at most {MOST_CORPUS_BYTES}"] * (kept > MOST_CORPUS_BYTES))
cases.close()
