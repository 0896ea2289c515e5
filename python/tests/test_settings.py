# SPDX-License-Identifier: MIT
"""brink.settings: TOML that reads back, hashes that follow the numbers, and differences in words."""

import math
import tomllib

import numpy as np
import pytest

from brink.settings import differences, flatten, literal, merged, nested, settings_hash, toml

CONFIG = {"data": {"name": "synthetic"}, "training": {"steps": 5, "learning_rate": 0.1, "divergence_loss": math.inf, "change": [
    {"at_step": 3, "set": {"learning_rate": 0.05}}]}, "measure": {"top": 2, "effective": {}, "rotation": {"lags": [1, 2]}},
    "model": {"start": [2.5, 0.5], "name": "a \"quoted\" name"}}


def test_toml_reads_back() -> None:
    assert tomllib.loads(toml(CONFIG)) == CONFIG
    sweep = {"training": {"steps": 5}, "sweep": {"training.learning_rate": [0.1, 0.2], "scale": {"training.batch": [1, 2]}}}
    assert tomllib.loads(toml(sweep)) == sweep


def test_nested_and_flat() -> None:
    assert flatten(CONFIG)["measure.rotation.lags"] == [1, 2]
    assert flatten(CONFIG)["measure.effective"] == {}
    assert nested(flatten(CONFIG)) == CONFIG
    assert nested({"training.steps": 3, "training.rule": "gd"}) == {"training": {"steps": 3, "rule": "gd"}}


def test_merged() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a.b": 3}) == {"a": {"b": 3, "c": 2}}
    assert merged({"measure": {"rotation": {}}}, {"measure": {"rotation": {"top": 2}}}) == {"measure": {"rotation": {"top": 2}}}
    assert merged({"measure": {"rotation": {"top": 2}}}, {"measure": {"rotation": {}}}) == {"measure": {"rotation": {"top": 2}}}


@pytest.mark.parametrize("value, text", [(True, "true"), (3, "3"), (0.1, "0.1"), (math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan"),
                                         ("x\n", '"x\\n"'), ([1, 2.0], "[1, 2.0]"), (np.float64(0.5), "0.5"), (np.int64(4), "4"), (1e-8, "1e-08")])
def test_literal(value: object, text: str) -> None:
    assert literal(value) == text


def test_literal_of_something_else() -> None:
    with pytest.raises(TypeError, match="expected a number"):
        literal(object())


def test_hash_follows_the_numbers() -> None:
    base = settings_hash(CONFIG)
    assert settings_hash(merged(CONFIG, {"data.directory": "elsewhere", "run.threads": 2})) == base
    assert settings_hash(nested(flatten(CONFIG))) == base
    assert settings_hash(merged(CONFIG, {"training.seed": 1})) != base
    assert settings_hash(CONFIG, "parent") != base


def test_differences() -> None:
    assert differences({"training": {"steps": 5}}, CONFIG) == []
    assert differences({"training.steps": 6}, CONFIG) == ["training.steps = 6 (there 5)"]
    assert differences({"training.seed": 1}, CONFIG) == ["training.seed = 1 (there absent)"]
    assert differences({"measure.effective": {}}, CONFIG) == []
    assert differences({"measure.kappa": {}}, CONFIG) == ["measure.kappa = a table (there absent)"]
    assert differences({"run.threads": 3}, CONFIG) == []
