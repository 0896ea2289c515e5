# SPDX-License-Identifier: MIT
"""python/: its tests by pytest against runs of this build, its types by mypy.
usage: package_test.py BUILD
"""

import os
import pathlib
import sys
import tempfile
import xml.etree.ElementTree

from environment import environment, install, python
from harness import ROOT, Cases

cases = Cases()
variables, why_not = environment(sys.argv[1])
why_not = why_not or install(variables, ROOT / "python" / "tests" / "requirements.txt")
if why_not:
    for name in ("tests of the package", "types"):
        cases.skip(name, why_not)
    cases.close()

with tempfile.TemporaryDirectory() as scratch:
    report = pathlib.Path(scratch, "report.xml")
    told, status = python(variables, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={scratch}/pytest", f"--junitxml={report}", "python/tests")
    if not report.is_file():
        cases.check("pytest", told.splitlines()[-40:] or ["no report"])
    else:
        for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname', '').rsplit('.', 1)[-1]}.{case.get('name')}"
            if (skipped := case.find("skipped")) is not None:
                cases.skip(name, skipped.get("message", ""))
            else:
                found = [line for kind in ("failure", "error") for one in case.findall(kind) for line in (one.text or "").splitlines()[-40:]]
                cases.check(name, found)
        if status not in (0, 1):
            cases.check("pytest", told.splitlines()[-40:])

    cache = os.path.join(scratch, "mypy")
    told, status = python(variables, "-m", "mypy", "--config-file", "python/pyproject.toml", "--cache-dir", cache, "python/brink")
    cases.check("types", told.splitlines()[-40:] if status else [])
    wrong = pathlib.Path(scratch, "wrong.py")
    wrong.write_text("from brink import Run\n\nsteps: str = Run('x').steps_with('parameters')\n")
    told, status = python(variables, "-m", "mypy", "--config-file", "python/pyproject.toml", "--cache-dir", cache, str(wrong))
    cases.rejects("types", [told] if status == 1 and "Incompatible types" in told else [])
cases.close()
