# SPDX-License-Identifier: MIT
"""How tools/test counts: scripts play programs that pass, fail, skip, hide their count or have a long part.
usage: runner_test.py BUILD
"""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import ROOT, Cases

sys.path.insert(0, str(ROOT / "tools" / "lib"))
import campaigns
import run_tests

DOCTEST = """#!/usr/bin/env bash
case "$*" in
  *--list-test-cases*--no-skip* | *--no-skip*--list-test-cases*) printf 'quick\\nlong, of 2^32\\n'; exit 0 ;;
  *--list-test-cases*) echo quick; exit 0 ;;
  *'--test-case=long? of 2^32'*) echo '[doctest] test cases: 1 | 1 passed | 0 failed | 1 skipped'; exit 0 ;;
esac
echo '[doctest] test cases: 1 | 1 passed | 0 failed | 1 skipped'
"""
SCRIPTS = {  # name: (what it does, passed, failed, skipped)
    "passes": ("echo '3 passed, 0 failed, 0 skipped'", 3, 0, 0),
    "fails": ("echo '2 passed, 1 failed, 0 skipped'; exit 1", 2, 1, 0),
    "dies after its count": ("echo '3 passed, 0 failed, 0 skipped'; kill -9 $$", 3, 1, 0),
    "says no count": ("echo fine", 0, 1, 0),
    "runs nothing": ("echo '0 passed, 0 failed, 0 skipped'", 0, 1, 0),
    "skips": ("echo '[skip] a: no compiler'; echo '1 passed, 0 failed, 1 skipped'", 1, 0, 1),
    "hangs": ("sleep 60", 0, 1, 0),
    "is long in no campaign": ("echo '[skip] a: long'; echo '1 passed, 0 failed, 1 skipped'", 1, 1, 1),
}
cases = Cases()
names = {t["name"] for t in run_tests.introspect(sys.argv[1], "tests")}


def test_of(name, command, depends=()):
    return {"name": name, "cmd": command, "timeout": 2, "suite": ["brink:unit"], "env": {}, "depends": list(depends)}


def status_of(call, *arguments):
    """(exit status or None, standard error)"""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            call(*arguments)
    except SystemExit as end:
        return end.code, said.getvalue()
    return None, said.getvalue()


for name, (what, *expected) in SCRIPTS.items():
    *found, _, _ = run_tests.run(test_of(name, ["bash", "-c", what]), False, dict(os.environ))
    cases.check(f"a script that {name}", found == expected or [f"expected {expected}, found {found}"])

with contextlib.redirect_stdout(io.StringIO()) as told:
    many = [test_of(name, []) for name in ("training", "verify")]
    before = os.environ.pop("TMPDIR", None)
    free, place = run_tests.LEAST_FREE_BYTES, run_tests.place_of_files(many)
    run_tests.LEAST_FREE_BYTES = 1 << 60
    full, run_tests.LEAST_FREE_BYTES = run_tests.place_of_files(many), free
    os.environ["TMPDIR"] = before or tempfile.gettempdir()
    chosen = run_tests.place_of_files(many)
    if before is None:
        del os.environ["TMPDIR"]
cases.check("many files: what is said is what is done", place == ({"TMPDIR": run_tests.MEMORY} if "training" in told.getvalue() else {}))
cases.check("many files: a small memory, and TMPDIR", full == {} and chosen == {} and "verify" not in told.getvalue())
if "command" in names:
    cases.check("many files: every name is a test", sorted(run_tests.MANY_FILES - names))

with tempfile.TemporaryDirectory() as folder:
    program = pathlib.Path(folder, "test_played")
    program.write_text(DOCTEST)
    program.chmod(0o755)
    *found, skipped, output = run_tests.run(test_of("functions", [str(program)]), False, dict(os.environ))
    cases.check("a long case counts as skipped", found == [1, 0, 1] or [f"{found}: {output}"])
    cases.check("it is named with its campaign", skipped == ["long, of 2^32: long, in the campaign functions"] or skipped)
    *found, _, output = run_tests.run(test_of("functions", [str(program)]), True, dict(os.environ))
    cases.check("a campaign runs the long case alone", found == [1, 0, 0] or [f"{found}: {output}"])
    cases.check("a long case in no campaign fails", run_tests.run(test_of("played", [str(program)]), False, dict(os.environ))[1] == 1)

    state = campaigns.tree_state(ROOT)
    cases.check("no stamp is said", any("never run" in line for line in campaigns.describe(folder, ROOT)))
    campaigns.write_stamp(folder, "ptx", state, [5, 0, 1], 12.34)
    stamp = json.loads(pathlib.Path(folder, "campaigns", "ptx.json").read_text())
    cases.check("a stamp", (stamp["commit"], stamp["passed"], stamp["skipped"], stamp["seconds"]) == (state[0], 5, 1, 12.3) or [str(stamp)])
    campaigns.write_stamp(folder, "ptx", ("0" * 40, False), [5, 0, 1], 12)
    told = "\n".join(campaigns.describe(folder, ROOT))
    cases.check("a stamp of another commit is told apart", "5 passed, 0 failed, 1 skipped" in told and "not the present state" in told)

tests = [test_of(n, ["true"]) for n in ["training", "tools", "lint_text", "lint_tidy"]]
cases.check("a name chooses", [t["name"] for t in run_tests.chosen(tests, ["lint"], None)] == ["lint_text", "lint_tidy"])
status, said = status_of(run_tests.chosen, tests, ["trainign"], None)
cases.check("an unknown name ends with status 2", status == 2)
cases.check("the nearest and all are named", "did you mean training?" in said and "lint_tidy" in said or [said])
cases.check("an unknown campaign ends with status 2", status_of(run_tests.chosen, tests, [], "emulatr")[0] == 2)

listed = [test for _, campaign in campaigns.CAMPAIGNS.values() for test in campaign]
cases.check("a test is in one campaign", sorted(set(listed)) == sorted(listed))
optional = {"device", "functions_reference", "bits_variants", "bits_aarch64"}  # where there is CUDA, MPFR, the command
cases.check("campaigns name tests that exist", sorted(set(listed) - names - optional))
cases.close()
