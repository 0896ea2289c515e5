# SPDX-License-Identifier: MIT
"""B7 of docs/promises.md for aarch64: the command, cross-compiled and run in emulation, against this machine's metrics.csv.

The few libraries come from Debian's arm64 packages, unpacked in the build folder with package lists of their own, so that the
machine's list of architectures stays as it is and no root is needed. The emulator is slow, so the test runs in a campaign.
usage: aarch64_test.py BUILD
"""

import os
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases, command
from training import PRECISIONS, RUNS, Failed, difference, train

PACKAGES = ["libfmt-dev", "libfmt9", "libxxhash-dev", "libxxhash0", "zlib1g-dev", "zlib1g", "libtomlplusplus-dev", "libtomlplusplus3"]
# Shorter than RUNS: the emulator is slow.
SMALL = {"MLP": {"training.steps": 5, "data.train": 140, "data.test": 16, "model.hidden": "[8]", "measure.every": 2}}
SHORT = {"training.steps": 1, "measure.budget": 3}
LIBRARIES = "usr/lib/aarch64-linux-gnu"
CROSS = """[binaries]
cpp = 'aarch64-linux-gnu-g++'
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
[properties]
sys_root = '{sysroot}'
pkg_config_libdir = ['{sysroot}/{libraries}/pkgconfig', '/usr/share/pkgconfig']
[built-in options]
cpp_link_args = ['-Wl,-rpath-link,{sysroot}/{libraries}', '-Wl,-rpath-link,{sysroot}/lib/aarch64-linux-gnu']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
"""


def checked(arguments, **options):
    said, status = command(arguments, **options)
    if status:
        raise Failed(f"{' '.join(map(str, arguments[:3]))} …: {said[-2000:]}")


def make_sysroot(folder):
    """Unpacks arm64 packages. apt gets another architecture and another state folder, so nothing of the system is changed."""
    state = folder / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    options = ["-qq"]
    for name, value in {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "Dir::State::Lists": state / "lists",
                        "Dir::State::status": state / "status", "Dir::Cache": state / "cache", "APT::Sandbox::User": ""}.items():
        options += ["-o", f"{name}={value}"]
    checked(["apt-get", *options, "update"])
    checked(["apt-get", *options, "download", *PACKAGES], cwd=state)
    for package in state.glob("*.deb"):
        checked(["dpkg", "-x", str(package), str(folder / "sysroot")])
    (folder / "unpacked").write_text(" ".join(PACKAGES))


build = pathlib.Path(sys.argv[1])
cases = Cases()
name = "aarch64"
absent = [tool for tool in ["aarch64-linux-gnu-g++", "qemu-aarch64", "apt-get", "dpkg"] if not shutil.which(tool)]
if absent:
    cases.skip(name, f"not installed: {', '.join(absent)}")
    cases.close()

folder = build / "variants" / "aarch64"
sysroot = folder / "sysroot"
try:
    done = folder / "unpacked"
    if not done.exists() or done.read_text() != " ".join(PACKAGES):
        make_sysroot(folder)
    (folder / "cross.txt").write_text(CROSS.format(sysroot=sysroot, libraries=LIBRARIES))
    if not (folder / "build" / "build.ninja").exists():
        checked(["meson", "setup", str(folder / "build"), str(ROOT), "--cross-file", str(folder / "cross.txt"), "-Dcuda=disabled",
                 "-Dtests=disabled", "-Dbench=disabled", "-Dbuildtype=release"])
    checked(["ninja", "-C", str(folder / "build"), "tools/brink"])
    paths = [sysroot / LIBRARIES, sysroot / "lib/aarch64-linux-gnu"]
    emulator = ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-E", "LD_LIBRARY_PATH=" + os.pathsep.join(map(str, paths))]
    with tempfile.TemporaryDirectory() as temporary:
        def metrics_of(brink, run, precision, threads, **options):
            return train(brink, pathlib.Path(temporary, str(len(os.listdir(temporary)))), precision, threads, SMALL.get(run, SHORT),
                         run=run, **options)[0]

        own, crossed = build / "tools" / "brink", folder / "build" / "tools" / "brink"
        for run in RUNS:
            here = {precision: metrics_of(own, run, precision, 1) for precision in PRECISIONS}
            for precision in PRECISIONS:
                for threads in [1, 2] if run == "MLP" else [2]:
                    there = metrics_of(crossed, run, precision, threads, wrapper=emulator)
                    cases.check(f"{name}, {run}, {precision}, {threads} threads", difference(name, here[precision], there))
            cases.rejects(f"{name}, {run}, float64 for float32", difference("", here["float32"], here["float64"]))
except Failed as failed:
    cases.check(name, [str(failed)])
cases.close()
