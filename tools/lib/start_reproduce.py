# SPDX-License-Identifier: MIT
"""Starts brink.reproduce in the environment of tools/reproduce. Where a package of that is damaged, the next call makes the environment again."""

import importlib.util
import pathlib
import sys

try:
    import brink.reproduce
    import brink.statistics
    import brink.style
    for name in ("sklearn", "safetensors"):  # those that are imported late
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
except (ImportError, SyntaxError) as error:
    place = getattr(error, "name", None) or getattr(error, "filename", None) or ""
    if str(place).partition(".")[0] == "brink":
        raise
    pathlib.Path(sys.prefix, "installed.txt").unlink(missing_ok=True)
    print(f"reproduce: the Python environment {sys.prefix} is damaged: {' '.join(str(error).split())}\n"
          "reproduce: run this again, which makes the environment again", file=sys.stderr)
    sys.exit(69)

sys.exit(brink.reproduce.main())
