# SPDX-License-Identifier: MIT
"""Reads the run folders of brink into pandas, and drives the brink command.

>>> from brink import Brink, Run
>>> run = Brink().train({"training": {"learning_rate": 0.1}}, "runs/mine")
>>> run.metrics[["step", "lambda_1"]]
"""

from brink.command import Brink, sweep_table
from brink.errors import (BrinkError, CommandError, Interrupted, MissingData, NotYetRun, RunFolderError, TooLarge)
from brink.run import Instability, Run, Tensors

__version__ = "0.1.0"
__all__ = ["Brink", "BrinkError", "CommandError", "Instability", "Interrupted", "MissingData", "NotYetRun", "Run", "RunFolderError",
           "Tensors", "TooLarge", "__version__", "sweep_table"]
