# SPDX-License-Identifier: MIT
"""What it is: runs the tests that tests/meson.build registers and adds up their counts.
What it is not: a test framework. Used by tools/test; `meson test` runs the same tests without the sum.

Decision: the sum counts cases, not programs. A doctest program's closing line is read; a script test must close with
"N passed, N failed, N skipped"; a program that closes with neither counts as one failure. A case that says "[skip] name: why"
counts as skipped and not as passed, and so does a case marked doctest::skip() that this run leaves out (--all runs those too).
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time

DOCTEST = re.compile(r"^\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped", re.M)
SCRIPT = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped\s*\Z", re.M)
SKIP = re.compile(r"^(?:.*MESSAGE: )?\[skip\] *(.+)$", re.M)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONG = "slow"


def listed_cases(command, environment):
    """Names of a doctest program's cases, those marked skip included or not according to the arguments given."""
    out = subprocess.run(command + ["--list-test-cases", "--no-colors"], env=environment, capture_output=True, text=True)
    return [line for line in out.stdout.splitlines() if line and not line.startswith(("[doctest]", "==="))]


def run(test, everything, environment):
    """Returns (passed, failed, skipped, names of the skipped, output)."""
    is_doctest = os.path.basename(test["cmd"][0]).startswith("test_")
    command = list(test["cmd"])
    environment = {**environment, **test.get("env", {})}
    if is_doctest:
        command += ["--no-colors", "--no-intro"] + (["--no-skip"] if everything else [])
    elif everything:
        command += ["--all"]
    try:
        done = subprocess.run(command, env=environment, cwd=test.get("workdir"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=test["timeout"])
        output, status = COLOUR.sub("", done.stdout.decode("utf-8", "replace")), done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = (late.stdout or b"").decode("utf-8", "replace") + "\ntimed out", -1
    skipped_names = SKIP.findall(output)
    if is_doctest and (found := DOCTEST.search(output)):
        _, passed, failed, left_out = map(int, found.groups())
        if left_out:
            run_now = set(listed_cases(test["cmd"], environment))
            skipped_names += [f"{name}: long, in --all" for name in listed_cases(test["cmd"] + ["--no-skip"], environment)
                              if name not in run_now]
        said = len(SKIP.findall(output))
        passed, skipped = passed - said, left_out + said
    elif not is_doctest and (found := SCRIPT.search(output)):
        passed, failed, skipped = map(int, found.groups())
    else:
        passed, failed, skipped = 0, 1, 0
        output += f"\nno closing count (exit status {status})"
    if status != 0 and failed == 0:
        failed = 1
        output += f"\nexit status {status}"
    if passed < 0 or (passed + failed + skipped == 0):
        failed += 1
        passed = max(passed, 0)
        output += "\nthe counts make no sense: no case ran, or more were skipped than ran"
    return passed, failed, skipped, skipped_names, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("names", nargs="*", help="only tests whose name contains one of these")
    parser.add_argument("--all", action="store_true", help=f"with the suite '{LONG}' and the cases marked skip")
    arguments = parser.parse_args()
    tests = json.loads(subprocess.run(["meson", "introspect", "--tests", arguments.build], capture_output=True, check=True).stdout)
    if arguments.names:
        tests = [t for t in tests if any(n in t["name"] for n in arguments.names)]
    total = [0, 0, 0]
    skipped_names = []
    for test in tests:
        if not arguments.all and any(s.endswith(LONG) for s in test["suite"]):
            total[2] += 1
            skipped_names.append(f"{test['name']}: long, in --all")
            continue
        started = time.monotonic()
        *counts, names, output = run(test, arguments.all, dict(os.environ))
        total = [a + b for a, b in zip(total, counts)]
        skipped_names += [f"{test['name']}: {n}" for n in names]
        if counts[1]:
            print(f"---- {test['name']} failed; its output:\n{output.strip()}\n----")
        print(f"{test['name']:24} {counts[0]:5} passed {counts[1]:3} failed {counts[2]:3} skipped {time.monotonic() - started:8.1f} s",
              flush=True)
    for name in skipped_names:
        print(f"skipped: {name}")
    if sum(total[:2]) == 0:
        print("no test ran")
        total[1] += 1
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)
    sys.exit(1 if total[1] else 0)


if __name__ == "__main__":
    main()
