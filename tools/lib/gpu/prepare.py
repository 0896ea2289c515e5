# SPDX-License-Identifier: MIT
"""The archive of gpu_check for a machine that can build and fetch nothing: made on one machine (`prepare`), recognised and
checked on the other (`check`).

The programs need no shared library but the C library's, so the archive must be prepared on a system whose C library is not
newer.
"""

import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile

from . import bits
from .machine import ROOT, build, paths_of
from .outcome import NOT_RUN, Part, Report

NAME = "brink-gpu-check"
ARCHIVE_LIMIT_MIB = 40
BUILD_FOLDER = "build-prepared"
OF_THE_SYSTEM = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
FAKE_CUBLAS = "tests/emulator/libfake_cublas.so"  # stands in for cuBLAS where the GPU is emulated
OPTIONS = ["-Dself_contained=true", "-Dprefer_static=true", "-Dcpp_link_args=['-static-libstdc++', '-static-libgcc']"]
CUDA_OPTIONS = ["-Dcuda_args=-compress-mode=size",
                "-Dcuda_link_args=['-Xlinker=--as-needed', '-Xcompiler=-static-libstdc++', '-Xcompiler=-static-libgcc']"]
SCRIPTS = ["docs/gpu.md", "tools/gpu_check", "bench/peers/run", "tools/lib/gpu/*.py", "bench/peers/*.py"]


class Refused(Exception):
    """The archive cannot be made; the text says why."""


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def readelf(option, path):
    return subprocess.run(["readelf", "-W", option, str(path)], capture_output=True, text=True, check=True).stdout


def copy_program(source, target):
    """Copies a program or library, stripped. → the least version of the C library it needs, (0, 0) for a script."""
    if not source.exists():
        raise Refused(f"there is no {source}: build it first, or leave --build out")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.read_bytes()[:4] != b"\x7fELF":
        shutil.copy2(source, target)
        return 0, 0
    subprocess.run(["strip", "-o", str(target), str(source)], check=True)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", readelf("-d", target))
    foreign = [name for name in needed if name not in OF_THE_SYSTEM and name != pathlib.Path(FAKE_CUBLAS).name]
    if foreign:
        raise Refused(f"{source} needs {', '.join(foreign)}, which the other machine may lack: leave --build out, or configure with "
                      + " ".join(OPTIONS))
    versions = re.findall(r"\bGLIBC_(\d+)\.(\d+)", readelf("-V", target))
    return max(((int(a), int(b)) for a, b in versions), default=(0, 0))


def run_digests(brink, emulated, folder):
    """Digests of the main job on this machine's processor."""
    out = folder / "run"
    done = subprocess.run([str(brink), "train", "--out", str(out), *bits.run_arguments(emulated)], capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"{brink} train ended with status {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}")
    return bits.digests_of((out / "metrics.csv").read_text())


def pack(tree, archive):
    """Packs the tree as one archive; refuses one above the limit. → its bytes."""
    new = archive.with_name(archive.name + ".new")
    with tarfile.open(new, "w:gz", compresslevel=9) as file:
        file.add(tree, NAME)
    size = new.stat().st_size
    if size > ARCHIVE_LIMIT_MIB << 20:
        new.unlink()
        files = sorted(((path.stat().st_size, path) for path in tree.rglob("*") if path.is_file()), reverse=True)
        listed = "\n".join(f"  {of / 2**20:8.2f} MiB  {path.relative_to(tree)}" for of, path in files[:12])
        raise Refused(f"the archive has {size / 2**20:.1f} MiB, and {ARCHIVE_LIMIT_MIB} are allowed; its largest files:\n{listed}")
    new.replace(archive)
    return size


def prepare(out, given_build, architecture, emulated, commit):
    """Builds, strips, packs; the status of the command."""
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"{NAME}.tar.gz"
    archive.unlink(missing_ok=True)
    folder = pathlib.Path(given_build) if given_build else ROOT / BUILD_FOLDER
    with tempfile.TemporaryDirectory() as temporary:
        here = pathlib.Path(temporary)
        if not given_build:
            part = Part(Report(here / "logs", here / "logs.tar.gz", {}), "build", 86400)
            build(part, folder, architecture, emulated, OPTIONS + ([] if emulated else CUDA_OPTIONS))
            if any(check["status"] != "passed" for check in part.checks):
                print("gpu_check: the programs could not be built, so there is no archive")
                return 1
        try:
            tree = here / NAME
            programs = [*paths_of(emulated).values(), *([FAKE_CUBLAS] if emulated and (folder / FAKE_CUBLAS).exists() else [])]
            glibc = max(copy_program(folder / path, tree / path) for path in programs)
            for pattern in SCRIPTS:
                for path in sorted(ROOT.glob(pattern)):
                    target = tree / path.relative_to(ROOT)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, target)
            shutil.copy2(ROOT / "tools/lib/gpu/start.sh", tree / "start")
            files = {path.relative_to(tree).as_posix(): sha256(path) for path in sorted(tree.rglob("*")) if path.is_file()}
            about = {"schema": 1, "commit": commit, "emulated": emulated, "architecture": architecture, "processor": platform.machine(),
                     "glibc": list(glibc), "files": files, "digests": run_digests(tree / paths_of(emulated)["brink"], emulated, here)}
            (tree / "prepared.json").write_text(json.dumps(about, indent=1) + "\n")
            for path in programs:
                print(f"  {(tree / path).stat().st_size / 2**20:8.2f} MiB  {path}")
            size = pack(tree, archive)
        except Refused as why:
            print(f"gpu_check: no archive was made: {why}")
            return 1
    print(f"{archive}: {size / 2**20:.1f} MiB; needs {about['processor']}, glibc {glibc[0]}.{glibc[1]}, Python 3.8"
          + ("" if emulated else f" and a GPU of architecture {architecture} or newer"))
    return 0


def found():
    """What prepared.json says if this file lies in an unpacked archive; {} in a source tree."""
    file = ROOT / "prepared.json"
    return json.loads(file.read_text()) if file.exists() else {}


def check(part, prepared, gpu):
    """Whether the archive arrived whole and its programs can run on this machine."""
    wrong = [path for path, digest in prepared["files"].items() if not (ROOT / path).is_file() or sha256(ROOT / path) != digest]
    part.check(f"{len(prepared['files'])} files are as they were packed", [f"{path} is missing or differs: unpack the archive again"
                                                                         for path in wrong])
    name = "the programs can run here"
    least = tuple(prepared["glibc"])
    try:
        library = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        library = ""
    version = re.fullmatch(r"glibc (\d+)\.(\d+).*", library)
    if platform.machine() != prepared["processor"]:
        return part.add(name, NOT_RUN, f"they are for {prepared['processor']}, this processor is {platform.machine()}: prepare the archive "
                        "on a machine with this processor")
    if not version or (int(version[1]), int(version[2])) < least:
        return part.add(name, NOT_RUN, f"they need glibc {least[0]}.{least[1]} or newer, this system has {library or 'another C library'}: "
                        "prepare the archive on a system as old as this one")
    capability = str((gpu or {}).get("compute_cap", "")).replace(".", "")
    if capability.isdigit() and int(capability) < int(prepared["architecture"].rstrip("af")):
        return part.add(name, NOT_RUN, f"they are for GPUs of architecture {prepared['architecture']}, this one has {capability}: prepare "
                        f"with --arch {capability}")
    return part.check(name, [])
