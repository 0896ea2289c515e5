# SPDX-License-Identifier: MIT
"""brink.command: repeated, interrupted, wrong and parallel calls."""

import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from brink import Brink, BrinkError, CommandError, Interrupted, Run, sweep_table
from brink.command import STOPPING, alone, parse_bytes, sets, stop_all


def content(run: Run) -> bytes:
    return (run.path / "metrics.csv").read_bytes() + (run.path / "events.csv").read_bytes()


def test_a_finished_run_is_not_made_again(brink: Brink, folder: pathlib.Path) -> None:
    config = {"training": {"steps": 3}}
    first = brink.train(config, folder / "twice")
    times = (first.path / "timing.csv").read_bytes()
    assert brink.train(config, folder / "twice").path == first.path
    assert (first.path / "timing.csv").read_bytes() == times
    with pytest.raises(BrinkError, match=r"other settings: training.steps = 4 \(there 3\)"):
        brink.train({"training.steps": 4}, folder / "twice")


@pytest.mark.parametrize(("file", "keep", "told"), [
    ("metrics.csv", -200, "metrics.csv is empty or breaks off in a line"), ("metrics.csv", 0, "metrics.csv is empty"),
    ("metrics.csv", "a middle row", r"metrics.csv has \d+ bytes, expected \d+"),
    ("metrics.csv", "the last row", "the last row of metrics.csv is that of step 2, expected 3"), ("metrics.csv", None, "metrics.csv is missing"),
    ("events.csv", None, "events.csv is missing"), ("events.csv", 5, "events.csv is empty or breaks off"), ("config.toml", None, "config.toml is missing")])
def test_a_damaged_run_is_not_taken_for_a_result(brink: Brink, folder: pathlib.Path, file: str, keep: int | str | None, told: str) -> None:
    """A table that lost its end would give other numbers and verdicts, and nobody would know."""
    config, place = {"training": {"steps": 3}}, folder / "damaged"
    whole = content(brink.train(config, place))
    path = place / file
    if keep is None:
        path.unlink()
    elif isinstance(keep, str):
        rows = path.read_bytes().splitlines(keepends=True)
        del rows[-1 if keep == "the last row" else 2]
        path.write_bytes(b"".join(rows))
    else:
        path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BrinkError, match=f"{place}: the run has ended, but {told}.*; remove this folder"):
        brink.train(config, place)
    shutil.rmtree(place)
    assert content(brink.train(config, place)) == whole


def test_config_file(brink: Brink, folder: pathlib.Path) -> None:
    file = folder / "file.toml"
    file.write_text("[training]\nsteps = 3\n")
    assert brink.train(file, folder / "of-file").info["steps_done"] == 3


def test_divergence_is_a_result(brink: Brink, folder: pathlib.Path) -> None:
    run = brink.train({"training": {"learning_rate": 1000.0, "steps": 20}}, folder / "diverged")
    assert run.diverged and run.info["diverged_at"] > 0
    assert brink.train({"training": {"learning_rate": 1000.0, "steps": 20}}, folder / "diverged").diverged


def test_errors_carry_code_and_message(brink: Brink, folder: pathlib.Path) -> None:
    with pytest.raises(CommandError, match="the nearest is training.steps") as error:
        brink.train({"training": {"step": 3}}, folder / "wrong")
    assert error.value.code == 2
    with pytest.raises(BrinkError, match="not found; it was looked for in /nowhere/brink. Build it"):
        Brink("/nowhere/brink")
    with pytest.raises(BrinkError, match="true ended well and made no run; expected the brink command"):
        Brink("true").train({"training": {"steps": 3}}, folder / "by-another-program")


def test_forks(brink: Brink, run: Run, folder: pathlib.Path) -> None:
    fork = brink.fork(run, 20, {"training.learning_rate": 0.05}, folder / "fork")
    assert fork.metrics["step"].iloc[0] == 20 and fork.threshold(21) == 40
    times = (fork.path / "timing.csv").read_bytes()
    brink.fork(run, 20, {"training": {"learning_rate": 0.05}}, folder / "fork")
    assert (fork.path / "timing.csv").read_bytes() == times
    with pytest.raises(BrinkError, match=r"another fork: at step 21 \(there 20\)"):
        brink.fork(run, 21, {"training.learning_rate": 0.05}, folder / "fork")
    with pytest.raises(BrinkError, match="another fork: training.learning_rate"):
        brink.fork(run, 20, {"training.learning_rate": 0.06}, folder / "fork")


def test_measurements_are_not_repeated(brink: Brink, folder: pathlib.Path) -> None:
    run = brink.train({"training": {"steps": 5}}, folder / "measure-twice")
    brink.measure(run, (1, 3, 1), {"measure.update_cosine.every": 1})
    calls: list[object] = []
    silent = Brink(brink.executable)
    silent._waiting = lambda *words, **options: calls.append(words)  # type: ignore[method-assign,assignment]
    silent.measure(run, "1:3:1", {"measure": {"update_cosine": {"every": 1}}})
    assert calls == []
    silent.measure(run, "1:4:1", {"measure": {"update_cosine": {"every": 1}}})
    assert len(calls) == 1


def test_sweep(brink: Brink, folder: pathlib.Path) -> None:
    config = {"training": {"steps": 2}, "sweep": {"training.learning_rate": [0.1, 0.2]}}
    runs = brink.sweep(config, folder / "sweep", jobs=1)
    assert [run.learning_rate(0) for run in runs] == [0.1, 0.2]
    assert list(sweep_table(folder / "sweep")["training.learning_rate"]) == [0.1, 0.2]
    before = (folder / "sweep" / "summary.csv").stat().st_mtime_ns
    assert len(brink.sweep(config, folder / "sweep")) == 2
    assert (folder / "sweep" / "summary.csv").stat().st_mtime_ns == before


@pytest.mark.parametrize("kind", ["run", "fork"])
def test_killed_and_resumed(brink: Brink, run: Run, folder: pathlib.Path, kind: str) -> None:
    """A process that is killed again and again ends with the bytes of one that is not."""
    steps = {"training": {"steps": 120}, "run": {"checkpoint_every": 5}}

    def make(place: str) -> Run:
        if kind == "run":
            return brink.train(steps, folder / place)
        return brink.fork(run, 20, {**steps, "training": {"steps": 140, "learning_rate": 0.08}}, folder / place)
    whole = make(f"whole-{kind}")
    for pause in (0.05, 0.25, 0.4, 0.6):
        killer = threading.Timer(pause, kill_all)
        killer.start()
        try:
            make(f"killed-{kind}")
        except (CommandError, Interrupted):
            pass
        killer.cancel()
        killer.join()
    assert content(make(f"killed-{kind}")) == content(whole)


def kill_all() -> None:
    from brink.command import RUNNING
    for process in list(RUNNING):
        process.kill()


def test_stop_all_is_an_interruption(brink: Brink, folder: pathlib.Path) -> None:
    stopper = threading.Timer(1.0, stop_all)
    stopper.start()
    with pytest.raises(Interrupted, match="the same call resumes it"):
        brink.train({"training": {"steps": 100000}}, folder / "stopped")
    stopper.cancel()
    STOPPING.clear()


def test_several_callers_of_one_folder(brink: Brink, run: Run, folder: pathlib.Path) -> None:
    made: list[Run] = []
    callers = [threading.Thread(target=lambda: made.append(work())) for work in [
        lambda: brink.train({"training": {"steps": 30, "seed": 9}}, folder / "shared"), lambda: brink.fork(run, 20, {}, folder / "shared-fork")] * 3]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(made) == 6 and all(one.finished for one in made)
    assert content(Run(folder / "shared-fork")).startswith(b"step,") and not list(folder.glob("shared*.toml"))


def test_other_settings_are_noticed_after_a_wait(brink: Brink, folder: pathlib.Path) -> None:
    """A caller that waits for a folder does not take what another one has made there with other settings."""
    place, found = folder / "contested", []

    def late() -> None:
        with pytest.raises(BrinkError, match=r"other settings: training.steps = 4 \(there 3\)"):
            brink.train({"training": {"steps": 4}}, place)
        found.append(True)

    with alone(place):
        caller = threading.Thread(target=late)
        caller.start()
        time.sleep(0.5)
        made = brink.train({"training": {"steps": 3}}, folder / "elsewhere")
        made.path.rename(place)
    caller.join()
    assert found


def test_runs_end_with_their_caller(brink: Brink, folder: pathlib.Path) -> None:
    program = f"from brink import Brink\nBrink({brink.executable!r}).train({{'training': {{'steps': 100000}}}}, {str(folder / 'orphan')!r})\n"
    caller = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (folder / "orphan" / "metrics.csv").is_file() and time.monotonic() < until:
        time.sleep(0.05)
    caller.send_signal(signal.SIGKILL)
    caller.wait()
    until = time.monotonic() + 20
    while running(folder / "orphan") and time.monotonic() < until:
        time.sleep(0.05)
    assert not running(folder / "orphan")


def running(place: pathlib.Path) -> bool:
    for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(place).encode() in entry.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue
    return False


def test_memory(brink: Brink, tmp_path: pathlib.Path) -> None:
    small, large = (brink.needs_bytes({"data": {"train": count}}, tmp_path) for count in (1000, 100000))
    assert 2**20 < small < large / 5
    # No machine has so much, which the command says in other words.
    most = brink.needs_bytes({"data": {"name": "synthetic-cifar", "train": 500_000}, "model": {"name": "vgg", "channels": [2048, 2048]}}, tmp_path)
    assert most > 2**37
    assert [parse_bytes(text) for text in ("3MiB", "77", "16.51 GiB", "640 bytes")] == [3 * 2**20, 77, int(16.51 * 2**30), 640]


def test_arguments() -> None:
    assert sets({"training": {"learning_rate": 0.05}, "model.name": "mlp"}) == ["--set", "training.learning_rate=0.05", "--set", 'model.name="mlp"']
    assert sets({"measure": {"kappa": {}}}) == ["--set", "measure.kappa.every=1"]
