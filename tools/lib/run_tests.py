# SPDX-License-Identifier: MIT
"""Runs the tests that tests/meson.build registers and adds up their counts. Used by tools/test; `meson test` runs them without the sum.

The sum counts cases, not programs. A doctest program's closing line is read; a script test must close with "N passed, N failed,
N skipped"; a program that closes with neither counts as one failure. A case that says "[skip] name: why" counts as skipped and not as
passed. So does the long part of a test, which a campaign runs (campaigns.py) and which is named with its campaign.
"""

import argparse
import concurrent.futures
import difflib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import campaigns

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCTEST = re.compile(r"^\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped", re.M)
SCRIPT = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped\s*\Z", re.M)
SKIP = re.compile(r"^(?:.*MESSAGE: )?\[skip\] *(.+)$", re.M)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LONG_SUITE = "slow"
UNKNOWN_NAME = 2
# These write many small files, and on a slow disk they spend most of their time waiting for it. Memory serves as well: a killed process
# loses nothing that it has written in either place, and a disk that fails or is full is played by the tests themselves.
MANY_FILES = {"command", "command_interruption", "command_sweep", "command_sweep_folder", "kinds", "replay", "sanitize_address_kinds",
              "sanitize_address_replay", "sanitize_address_training", "tools", "training"}
MEMORY, LEAST_FREE_BYTES = "/dev/shm", 1 << 30


def place_of_files(tests):
    """{"TMPDIR": …} for the tests of MANY_FILES, and a line that says so; nothing if TMPDIR is set or memory has no such place."""
    here = sorted(MANY_FILES & {test["name"] for test in tests})
    if not here or "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < LEAST_FREE_BYTES:
        return {}
    print(f"temporary files in {MEMORY}, unless TMPDIR is set: {' '.join(here)}", flush=True)
    return {"TMPDIR": MEMORY}


def introspect(build, what):
    done = subprocess.run(["meson", "introspect", f"--{what}", build], capture_output=True, check=True)
    return json.loads(done.stdout)


def is_doctest(test):
    return os.path.basename(test["cmd"][0]).startswith("test_")


def is_long(test):
    return any(suite.endswith(LONG_SUITE) for suite in test["suite"])


def chosen(tests, names, campaign):
    """The tests to run. Ends the program if a name fits no test, or if a campaign is unknown."""
    if campaign:
        if campaign not in campaigns.CAMPAIGNS:
            unknown("campaign", campaign, list(campaigns.CAMPAIGNS))
        return [t for t in tests if t["name"] in campaigns.CAMPAIGNS[campaign][1]]
    known = [t["name"] for t in tests]
    for name in names:
        if not any(name in k for k in known):
            unknown("test", name, known)
    return [t for t in tests if not names or any(n in t["name"] for n in names)]


def unknown(kind, name, known):
    near = difflib.get_close_matches(name, known, 3, 0.5)
    print(f"tools/test: no {kind} is called \"{name}\"" + (f"; did you mean {' or '.join(near)}?" if near else "") +
          f"\n{kind}s: {' '.join(sorted(known))}", file=sys.stderr)
    sys.exit(UNKNOWN_NAME)


def targets_of(build, tests):
    """What ninja must make before these tests run: the programs they start, and their stated dependencies."""
    files = {t["id"]: [os.path.relpath(f, build) for f in t["filename"]] for t in introspect(build, "targets")}
    return sorted({file for test in tests for one in test["depends"] for file in files.get(one, [])})


def listed_cases(command, environment):
    """Names of the cases of a doctest program; the arguments decide whether those marked skip are included."""
    out = subprocess.run(command + ["--list-test-cases", "--no-colors"], env=environment, capture_output=True, text=True)
    return [line for line in out.stdout.splitlines() if line and not line.startswith(("[doctest]", "==="))]


def long_cases(test, environment):
    ordinary = set(listed_cases(test["cmd"], environment))
    return [name for name in listed_cases(test["cmd"] + ["--no-skip"], environment) if name not in ordinary]


def run(test, long, environment):
    """Runs a test, or only its long part. Returns (passed, failed, skipped, names of the skipped, output)."""
    command = list(test["cmd"])
    environment = {**environment, **test.get("env", {})}
    if is_doctest(test):
        command += ["--no-colors", "--no-intro"]
        if long:
            names = long_cases(test, environment)
            if not names:
                return 0, 1, 0, [], "a campaign names this test, and no case of it is long"
            # A comma would end a filter, and a ? stands for any one character.
            command += ["--no-skip", "--test-case=" + ",".join(re.sub(r"[,*\\]", "?", name) for name in names)]
    elif long:
        command += ["--all"]
    try:
        done = subprocess.run(command, env=environment, cwd=test.get("workdir"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=test["timeout"])
        output, status = COLOUR.sub("", done.stdout.decode("utf-8", "replace")), done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = (late.stdout or b"").decode("utf-8", "replace") + "\ntimed out", -1
    skipped_names = SKIP.findall(output)
    if is_doctest(test) and (found := DOCTEST.search(output)):
        _, passed, failed, left_out = map(int, found.groups())
        said = len(skipped_names)
        if long:
            left_out = 0  # the ordinary cases
        elif left_out:
            skipped_names += [f"{name}: long" for name in long_cases(test, environment)]
        passed, skipped = passed - said, left_out + said
    elif not is_doctest(test) and (found := SCRIPT.search(output)):
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
        output += "\nthe counts are impossible: no case ran, or more were skipped than ran"
    campaign = campaigns.campaign_of(test["name"])
    for i, name in enumerate(skipped_names):
        if not name.endswith(": long"):
            continue
        if campaign:
            skipped_names[i] = f"{name}, in the campaign {campaign}"
        else:
            failed += 1
            output += f"\n{name}, but no campaign runs it: name this test in tools/lib/campaigns.py"
    return passed, failed, skipped, skipped_names, output


def run_and_time(test, long, place):
    started = time.monotonic()
    # Tests read the signs that brink prints in UTF-8.
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(place if test["name"] in MANY_FILES else {})}
    return (*run(test, long, environment), time.monotonic() - started)


class Sum:
    def __init__(self):
        self.counts, self.skipped = [0, 0, 0], []

    def add(self, test, passed, failed, skipped, names, output, seconds):
        self.counts = [a + b for a, b in zip(self.counts, (passed, failed, skipped))]
        self.skipped += [f"{test['name']}: {n}" for n in names]
        if failed:
            print(f"---- {test['name']} failed; its output:\n{output.strip()}\n----")
        print(f"{test['name']:24} {passed:5} passed {failed:3} failed {skipped:3} skipped {seconds:8.1f} s", flush=True)

    def close(self):
        for name in self.skipped:
            print(f"skipped: {name}")
        print("{} passed, {} failed, {} skipped".format(*self.counts), flush=True)
        return 1 if self.counts[1] or not sum(self.counts[:2]) else 0


def run_ordinary(tests, total, jobs):
    """Tests that share the machine run `jobs` at a time; the others, one by one, after them."""
    for test in [t for t in tests if is_long(t)]:
        total.counts[2] += 1
        total.skipped.append(f"{test['name']}: long, in the campaign {campaigns.campaign_of(test['name'])}")
    tests = [t for t in tests if not is_long(t)]
    place = place_of_files(tests)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        # The longest first; otherwise the last one would run alone.
        shared = sorted((t for t in tests if t["is_parallel"]), key=lambda t: -t["priority"])
        begun = {pool.submit(run_and_time, t, False, place): t for t in shared}
        for done in concurrent.futures.as_completed(begun):
            total.add(begun[done], *done.result())
    for test in tests:
        if not test["is_parallel"]:
            total.add(test, *run_and_time(test, False, place))


def run_campaign(build, name, tests, total):
    print(f"campaign {name}: {campaigns.CAMPAIGNS[name][0]}", flush=True)
    state, started, here = campaigns.tree_state(ROOT), time.monotonic(), Sum()
    for absent in set(campaigns.CAMPAIGNS[name][1]) - {t["name"] for t in tests}:
        here.counts[2] += 1
        here.skipped.append(f"{absent}: this build does not have it")
    place = place_of_files(tests)
    for test in tests:
        here.add(test, *run_and_time(test, True, place))
    seconds = time.monotonic() - started
    campaigns.write_stamp(build, name, state, here.counts, seconds)
    if seconds > campaigns.MOST_SECONDS:
        print(f"note: campaign {name} took {seconds:.0f} s, more than {campaigns.MOST_SECONDS}: it should be split")
    total.counts = [a + b for a, b in zip(total.counts, here.counts)]
    total.skipped += here.skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("names", nargs="*", help="only tests whose name contains one of these")
    parser.add_argument("--all", action="store_true", help="the ordinary tests, then every campaign")
    parser.add_argument("--campaign", help="run only this campaign")
    parser.add_argument("--campaigns", action="store_true", help="list the campaigns and their last stamps")
    parser.add_argument("--targets", action="store_true", help="print what ninja must make for these tests, and run nothing")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_intermixed_args()
    if arguments.campaigns:
        print("\n".join(campaigns.describe(arguments.build, ROOT)))
        return 0
    every = introspect(arguments.build, "tests")
    tests = chosen(every, arguments.names, arguments.campaign)
    if arguments.targets:
        print("\n".join(targets_of(arguments.build, tests) if arguments.names or arguments.campaign else ["all"]))
        return 0
    total = Sum()
    if arguments.campaign:
        run_campaign(arguments.build, arguments.campaign, tests, total)
    else:
        run_ordinary(tests, total, max(1, min(arguments.jobs, 2)))
    if arguments.all:
        for name in campaigns.CAMPAIGNS:
            run_campaign(arguments.build, name, chosen(every, [], name), total)
    return total.close()


if __name__ == "__main__":
    sys.exit(main())
