# SPDX-License-Identifier: MIT
"""The program behind tools/reproduce: runs experiments by name, prints plans, and writes the index."""

from __future__ import annotations

import argparse
import dataclasses
import errno
import pathlib
import re
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import pandas as pd

from brink import faults
from brink.command import Brink
from brink.errors import BrinkError, CommandError, DamagedResult, Interrupted, MissingData, TooLarge
from brink.experiment import SIZES, Experiment, load_folder
from brink.judging import of_former_rule, read_judgements, verdict_counts
from brink.lab import Lab
from brink.names import find
from brink.plan import Plan, PlanningLab, check, plan
from brink.publishing import publish, write_job_array
from brink.results import Results, changed_rules, fingerprint, has_settings
from brink.settings import literal
from brink.tables import read_table, read_tables

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAPER = ROOT / "bench" / "paper"
README, PUBLISHED = ROOT / "README.md", ROOT / "docs" / "results"
OK, FAILED, USAGE, DATA, TOO_LARGE, INTERRUPTED = 0, 1, 2, 3, 6, 75


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line. argparse says "invalid choice: 'x' (choose from 'a', 'b')", and prints the usage before it."""
        if found := re.fullmatch(r"argument (.*): invalid choice: (.*) \(choose from (.*)\)", message):
            message = f"{found[1]}: expected one of {found[3].replace(chr(39), '')}, found {found[2]}"
        self.exit(USAGE, f"reproduce: {message.removeprefix('argument ')}; `tools/reproduce --help` shows all options\n")


def arguments() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tools/reproduce", description="Reproduces figures and tables of the paper: runs, draws and judges them (docs/reproduce.md).",
        epilog="Exit codes: 0 done, whatever the verdicts; 1 an experiment failed; 2 usage; 3 data are missing or wrong; 6 too large for memory or disk, or no "
               "such device; "
               "75 interrupted; the same call resumes the work.")
    parser.add_argument("names", nargs="*", metavar="ID", help="fig1, table2, …, the file of an experiment of your own, or all")
    parser.add_argument("--size", choices=SIZES, default="smoke", help="smoke: made-up data, seconds; small: real data, minutes to hours; "
                        "paper: the paper's scale (default: smoke)")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results (default: runs/reproduce-SIZE)")
    parser.add_argument("--jobs", type=at_least_one, help="runs at a time (default: the number of processors)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--plan", action="store_true", help="say what would be run, and what it costs in time, memory and disk; run nothing")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the data files (default: $BRINK_DATA, else data)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--brink", help="the command (default: $BRINK, else build/tools/brink, else the one on PATH)")
    instead.add_argument("--judge", action="store_true", help="judge and draw the results that are there again, from their tables; run nothing")
    instead.add_argument("--list", action="store_true", help="the experiments, and stop")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the size in place of the one in the "
                        "experiment's file, as TOML; repeatable")
    instead.add_argument("--slurm", action="store_true", help="run nothing; write a job array for Slurm, whose tasks share the runs")
    parser.add_argument("--tasks", type=at_least_one, default=8, help="tasks of the job array (default: 8)")
    parser.add_argument("--shard", metavar="I/N", help="begin with the I-th of N shares of the runs; a task of the job array does that")
    instead.add_argument("--publish", type=pathlib.Path, metavar="DIR", help="copy the results that are there, without runs, to DIR, and write its "
                        "index and tables of verdicts again; for docs/results also those of the README")
    parser.add_argument("--quiet", action="store_true", help="only the last line of each experiment")
    return parser


def at_least_one(text: str) -> int:
    if re.fullmatch(r"[0-9]+", text) and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")


def run_one(experiment: Experiment, results: Results, options: argparse.Namespace, brink: Brink) -> str:
    """Makes the result of an experiment, if it is not there; a line that says how it ended."""
    if not options.plan and results.is_finished(experiment, options.size):
        return f"{experiment.id}: finished before; {verdicts(results, experiment)}"
    started = time.monotonic()
    if options.plan or options.size != "smoke":
        made = plan_of(experiment, results, options, brink)
        if options.plan:
            print(made.text(), flush=True)
        elif options.size == "paper" and not options.quiet:
            print(made.text(), file=sys.stderr, flush=True)
        check(made, results.out)
        if options.plan:
            return ""
    if not options.quiet:
        print(f"{experiment.id}: {experiment.title}", file=sys.stderr, flush=True)
    results.make(experiment, options.size, Lab(brink, results.runs, **lab_options(experiment, options)))
    tell_changed_rules(results, experiment)
    return f"{experiment.id}: {verdicts(results, experiment)} ({time.monotonic() - started:.0f} s)"


def lab_options(experiment: Experiment, options: argparse.Namespace) -> dict[str, Any]:
    jobs = options.jobs or (1 if options.device == "cuda" else None)
    return {"name": options.size, "size": experiment.size(options.size), "jobs": jobs, "data": options.data, "quiet": options.quiet,
            "shard": options.shard}


def plan_of(experiment: Experiment, results: Results, options: argparse.Namespace, brink: Brink) -> Plan:
    """What is left to run; the costs are measured in a folder that is removed again, and only if they are asked for."""
    lab = PlanningLab(brink, results.runs, **lab_options(experiment, options))
    results.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".plan-", dir=results.out) as scratch:
        return plan(experiment, options.size, lab, pathlib.Path(scratch), options.device, timed=options.plan or options.size == "paper")


def tell_changed_rules(results: Results, experiment: Experiment) -> None:
    for claim, former in changed_rules(results.folder(experiment)).items():
        if claim not in experiment.changed:
            print(f"{experiment.id}: {claim!r}: {of_former_rule(former)}", file=sys.stderr, flush=True)


def verdicts(results: Results, experiment: Experiment) -> str:
    counts = verdict_counts(read_judgements(results.folder(experiment)))
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "a picture without claims"


def rejudge(experiments: Sequence[Experiment], results: Results) -> int:
    judged, status = 0, OK
    for one in experiments:
        folder = results.folder(one)
        try:
            size, altered = results.size_of(one), results.altered(one)
        except DamagedResult as error:
            status = complain(f"{one.id}: {error}", FAILED)
            continue
        if size is None:
            print(f"{one.id}: there is no result in {folder} to judge; `{one.command('SIZE', '--out', results.out)}` makes one", file=sys.stderr)
            continue
        if not has_settings(folder, one, size):
            print(f"{one.id}: {folder} was made with other settings of size {size}; `{one.command(size, '--out', results.out)}` makes it again", file=sys.stderr)
            continue
        if altered:
            status = complain(f"{one.id}: {folder} is not as it was made: {', '.join(altered)} changed or missing; `{one.command(size, '--out', results.out)}` "
                              "makes it again from its runs", FAILED)
            continue
        judged += 1
        try:
            runs = read_table(folder / "runs.csv") if (folder / "runs.csv").is_file() else pd.DataFrame()
            results.write(one, size, read_tables(folder), runs, fingerprint(one, size))
        except BrinkError as error:
            status = complain(f"{one.id}: {error}", FAILED)
            continue
        except Exception as error:
            status = failed(one, results, error)
            continue
        tell_changed_rules(results, one)
        print(f"{one.id}: {verdicts(results, one)}")
    return status if judged else FAILED


def run_all(experiments: Sequence[Experiment], results: Results, options: argparse.Namespace) -> int:
    """One experiment after the other; one that fails does not stop the others."""
    status = OK
    try:
        brink = Brink(options.brink, ["--device", options.device] if options.device != "cpu" else [])
    except BrinkError as error:
        return complain(error, USAGE)
    for one in experiments:
        try:
            if line := run_one(one, results, options, brink):
                print(line, flush=True)
        except (KeyboardInterrupt, Interrupted):
            return complain(f"interrupted in {one.id}; the same call resumes the work", INTERRUPTED)
        except MissingData as error:
            status = complain(f"{one.id}: {error}", DATA)
        except TooLarge as error:
            status = complain(f"{one.id}: {error}", TOO_LARGE)
        except CommandError as error:
            status = complain(f"{one.id}: {error}", error.code if error.code in (DATA, TOO_LARGE) else FAILED)
        except BrinkError as error:
            status = complain(f"{one.id}: {error}", FAILED)
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                return complain(f"{one.id}: no space is left for {error.filename or results.out}; free some, and the same call goes on", TOO_LARGE)
            status = failed(one, results, error)
    return status


def failed(experiment: Experiment, results: Results, error: Exception) -> int:
    """Says in one line where an experiment went wrong, and writes the traceback to a file."""
    assert experiment.file is not None
    told = results.runs / "tracebacks" / f"{experiment.id}.txt"
    faults.write_traceback(error, told)
    return complain(f"{experiment.id}: {faults.while_running(error, experiment.file)}\n  the traceback is in {told}", FAILED)


def parse_shard(text: str | None) -> tuple[int, int]:
    """ "2/8" as (2, 8)."""
    if text is None:
        return 1, 1
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise BrinkError(f"--shard: expected I/N with I from 1 to N, such as 2/8, found {text}")
    return int(match[1]), int(match[2])


def with_settings(experiment: Experiment, options: argparse.Namespace) -> Experiment:
    """The experiment with the settings of --set at the chosen size."""
    changed = dict(experiment.size(options.size))
    for one in options.set:
        key, given, value = one.partition("=")
        if not given:
            raise BrinkError(f"--set {one}: expected KEY=VALUE; size {options.size} of {experiment.id} has the settings {', '.join(changed)}")
        if key not in changed:
            raise BrinkError(f"--set {one}: size {options.size} of {experiment.id} has no setting {key!r}; it has {', '.join(changed) or 'none'}")
        try:
            found = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise BrinkError(f"--set {one}: expected a TOML value, such as 3, [0, 1] or \"text\" ({error})") from None
        if kind(found) != kind(changed[key]) or found == []:
            raise BrinkError(f"--set {one}: expected {kind(changed[key])}, as {key} = {literal(changed[key])} of the file, found {value.strip()}")
        changed[key] = found
    different = {key: value for key, value in changed.items() if value != experiment.sizes[options.size][key]}
    return dataclasses.replace(experiment, sizes={**experiment.sizes, options.size: changed}, changes=different)


def kind(value: object) -> str:
    """What a setting is, in words; a setting of --set is what the one in the file is."""
    return ("true or false" if isinstance(value, bool) else "a number" if isinstance(value, (int, float)) else "a list of at least one value"
            if isinstance(value, (list, tuple)) else "a text" if isinstance(value, str) else "a table" if isinstance(value, Mapping) else type(value).__name__)


def complain(words: object, status: int) -> int:
    print(f"reproduce: {words}", file=sys.stderr, flush=True)
    return status


def not_writable(option: str, place: pathlib.Path, error: OSError) -> int:
    reason = {errno.ENOENT: "no folder can be made there", errno.EEXIST: "it is a file", errno.ENOTDIR: "it is a file" if place.is_file() else
              "a file is in its path", errno.ENOSPC: "no space is left"}
    return complain(f"{option}: {place} cannot be written: {reason.get(error.errno or 0, str(error.strerror).lower())}; name another folder", USAGE)


def interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None) -> int:
    parser = arguments()
    options = parser.parse_args(words)
    try:
        known = load_folder(PAPER)
        if options.list:
            for one in known.values():
                print(f"{', '.join(one.names):16} {one.title}")
            return OK
        if not options.names and not options.publish:
            return complain(f"expected an id, or all; ids: {' '.join(name for one in known.values() for name in one.names)}", USAGE)
        options.shard = parse_shard(options.shard)
        experiments = [with_settings(one, options) for one in find(options.names, known)]
    except BrinkError as error:
        return complain(error, USAGE)
    results = Results(options.out or ROOT / "runs" / f"reproduce-{options.size}")
    try:
        results.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=results.out).close()
    except OSError as error:
        return not_writable("--out", results.out, error)
    signal.signal(signal.SIGTERM, interrupt)
    results.clean()
    everyone = [*known.values(), *(one for one in experiments if one.id not in known)]
    if options.slurm:
        return write_job_array(experiments, results, options)
    if options.publish:
        try:
            return publish(experiments, everyone, results, options.publish, README if options.publish.resolve() == PUBLISHED else None)
        except DamagedResult as error:
            return complain(error, FAILED)
        except BrinkError as error:
            return complain(error, USAGE)
        except OSError as error:
            return not_writable("--publish", options.publish, error)
    status = rejudge(experiments, results) if options.judge else run_all(experiments, results, options)
    if options.plan:
        return status
    index = results.index(everyone)
    if index is not None and status == OK:
        print(index)
    return status


if __name__ == "__main__":
    sys.exit(main())
