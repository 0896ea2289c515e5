# SPDX-License-Identifier: MIT
"""The long tests in pieces: which campaign runs the long part of which test, and the stamp that a campaign leaves in the build folder.

Each campaign takes at most 40 minutes on two cores. The long part of a test is what an ordinary run leaves out: cases marked
doctest::skip(), what a script does only with --all, and tests of the suite "slow". A test with a long part that is in no campaign fails.
"""

import datetime
import json
import os
import pathlib
import platform
import subprocess

MOST_SECONDS = 2400
# name: (what it shows, the tests whose long part it runs)
CAMPAIGNS = {
    "functions": ("elementary functions on all float32 inputs, by every instruction set", ["functions"]),
    "reference": ("elementary functions against MPFR: all float32 inputs, 10^8 float64 ones", ["functions_reference"]),
    "emulator": ("emulated kernels under 100 schedules each, and the long tests for a GPU in emulation", ["emulator", "device_emulated"]),
    "gpu": ("the long tests on this machine's GPU", ["device"]),
    "ptx": ("generated PTX for three architectures", ["lint_ptx"]),
    "compilers": ("whole runs of one more compiler and optimisation level", ["bits_variants"]),
    "aarch64": ("whole runs of a cross-compiled build in emulation", ["bits_aarch64"]),
    "interruption": ("10,000 processes killed at random moments and 100 signals: no run lost", ["command_interruption"]),
    "fuzz": ("readers of untrusted files, fuzzed for five minutes each under ASan and UBSan", ["fuzz"]),
    "asan": ("the libraries' test programs under ASan and UBSan, in a build of their own", ["sanitize_address"]),
    "asan_training": ("the test programs of training and tools under ASan and UBSan, in the same build", ["sanitize_address_training"]),
    "asan_replay": ("the test program of replays under ASan and UBSan, in the same build", ["sanitize_address_replay"]),
    "asan_kinds": ("the test program of networks, rules, measurements and their like under ASan and UBSan, in the same build",
                   ["sanitize_address_kinds"]),
    "tsan": ("the test programs that use threads under TSan, in a build of their own", ["sanitize_thread"]),
    "certificates": ("bounds of the spectrum in 30,000 runs on operators with hidden ends", ["spectral"]),
    "reproduce": ("every experiment at size smoke, twice, killed at twenty random moments; an installation that is interrupted", ["reproduce"]),
    "data": ("the CIFAR-10 sets made of the official files, in Python", ["cifar_golden"]),
}


def campaign_of(test):
    """The campaign that runs the long part of a test; None if there is none."""
    return next((name for name, (_, tests) in CAMPAIGNS.items() if test in tests), None)


def _git(root, *arguments):
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def tree_state(root):
    """(commit or "unknown", whether files differ from it)"""
    changed = _git(root, "status", "--porcelain")
    return _git(root, "rev-parse", "HEAD") or "unknown", changed is None or changed != ""


def _machine():
    processor = ""
    if os.path.exists("/proc/cpuinfo"):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        processor = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return {"host": platform.node(), "processor": processor or platform.machine(), "cores": os.cpu_count()}


def _stamp(build, name):
    return pathlib.Path(build, "campaigns", name + ".json")


def write_stamp(build, name, state, counts, seconds):
    """`state`: tree_state before the campaign."""
    path = _stamp(build, name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({
        "campaign": name, "commit": state[0], "dirty": state[1], "machine": _machine(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "passed": counts[0], "failed": counts[1], "skipped": counts[2], "seconds": round(seconds, 1)}, indent=1) + "\n")


def describe(build, root):
    """The campaigns as lines: name, content, last stamp, and whether the stamp is that of the present commit."""
    commit, dirty = tree_state(root)
    for name, (what, tests) in CAMPAIGNS.items():
        yield f"{name}: {what} ({', '.join(tests)})"
        path = _stamp(build, name)
        if not path.exists():
            yield "    never run in this build folder"
            continue
        s = json.loads(path.read_text())
        present = s["commit"] == commit and not s["dirty"] and not dirty
        of = "the present commit" if present else f"commit {s['commit'][:10]}{', changed' if s['dirty'] else ''}: not the present state"
        yield (f"    {s['passed']} passed, {s['failed']} failed, {s['skipped']} skipped in {s['seconds']:.0f} s on "
               f"{s['machine']['host']}, {s['date']}, of {of}")
