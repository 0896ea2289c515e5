# SPDX-License-Identifier: MIT
"""What the tests share: the command, and one run that it makes for all of them."""

import os
import pathlib
from collections.abc import Iterator

import pytest

from brink import Brink, BrinkError, Run

STEPS = 40


@pytest.fixture(scope="session")
def brink() -> Brink:
    try:
        return Brink()
    except BrinkError as error:
        if os.environ.get("BRINK"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def run(brink: Brink, folder: pathlib.Path) -> Iterator[Run]:
    """The main job for a few steps, with parameters and eigenvectors in files."""
    yield brink.train({"training": {"steps": STEPS}, "measure": {"top": 2, "parameters": {"every": 10}, "eigenvectors": {"every": 10}}},
                      folder / "main")
