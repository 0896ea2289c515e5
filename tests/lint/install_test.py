# SPDX-License-Identifier: MIT
"""`meson install` into an empty folder, and a program built against only what was installed there.
usage: install_test.py BUILD
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import LAYERS, ROOT, Cases, command

CONSUMER = """#include <cstdio>
#include "kernels/device.h"
#include "kernels/isa.h"
#include "kernels/memory.h"
int main() {
  brink::Array a = brink::zeros({3, 5}, brink::Dtype::f32);
  std::printf("%lld %s %d\\n", static_cast<long long>(a.view().bytes()), brink::name_of(brink::isa()).data(), brink::available_threads() > 0);
}
"""

build = sys.argv[1]
cases = Cases()
with tempfile.TemporaryDirectory() as folder:
    said, status = command(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], env={**os.environ, "DESTDIR": folder})
    cases.check("meson install", [said] if status else [])
    installed = {p.relative_to(folder).as_posix() for p in pathlib.Path(folder).rglob("*") if p.is_file()}
    headers = {p.split("include/brink/", 1)[1] for p in installed if "include/brink/" in p}
    expected = {h.relative_to(ROOT).as_posix() for layer in LAYERS for h in (ROOT / layer).rglob("*.h")}
    cases.check("every header is installed, and nothing else", [f"only in one of both: {h}" for h in sorted(headers ^ expected)])
    if pathlib.Path(build, "tools", "brink").exists():
        cases.check("the command is installed", any(p.endswith("/bin/brink") for p in installed))

    source, program = pathlib.Path(folder, "consumer.cpp"), pathlib.Path(folder, "consumer")
    source.write_text(CONSUMER)
    pc = next(pathlib.Path(folder, p).parent for p in installed if p.endswith("brink.pc"))
    environment = {**os.environ, "PKG_CONFIG_PATH": str(pc)}
    prefix = next(pathlib.Path(folder).rglob("include/brink")).parents[1]

    def pkg_config(*what):
        done = subprocess.run(["pkg-config", f"--define-variable=prefix={prefix}", *what, "brink"], env=environment,
                              capture_output=True, text=True, check=True)
        return done.stdout.split()

    cases.check("a consumer is told not to contract", "-ffp-contract=off" in pkg_config("--cflags"))
    build_it = ["c++", "-std=c++20", *pkg_config("--cflags"), str(source), "-o", str(program)]
    said, status = command([*build_it, *pkg_config("--libs", "--static")])
    cases.check("a consumer builds", [said] if status else [])
    said, status = command([str(program)]) if not status else ("", 1)
    cases.check("a consumer runs", [said] if status or not said.startswith("60 ") else [])
    said, status = command(build_it)
    cases.rejects("a consumer without the library", [said] if status else [])
cases.close()
