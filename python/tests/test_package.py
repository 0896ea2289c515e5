# SPDX-License-Identifier: MIT
"""`python -m pip install ./python` into an environment of its own, and five lines that draw a run."""

import pathlib
import shutil
import subprocess
import sys
import sysconfig

from brink import Run

PACKAGE = pathlib.Path(__file__).resolve().parents[1]

FIVE_LINES = """
from brink import Run
run = Run({path!r})
axes = run.metrics.plot(x="step", y="lambda_1")
axes.plot(run.metrics["step"], run.thresholds(), "k--", label="2/η")
axes.figure.savefig({picture!r})
"""


def test_installed_and_used(run: Run, tmp_path: pathlib.Path) -> None:
    venv, picture = tmp_path / "venv", tmp_path / "picture.png"
    # A copy, because setuptools leaves files beside what it builds.
    package = shutil.copytree(PACKAGE, tmp_path / "python", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*"))
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = venv / "bin" / "python"
    # What the package depends on is that of this environment, so nothing large is downloaded again.
    site = next((venv / "lib").glob("python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(package)], capture_output=True, text=True,
                          cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (site / "brink" / "py.typed").is_file()
    program = "import matplotlib\nmatplotlib.use('agg')\nimport brink\nassert brink.__file__.startswith(" + repr(str(venv)) + "), brink.__file__" + \
        FIVE_LINES.format(path=str(run.path), picture=str(picture))
    done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes()[1:4] == b"PNG"
