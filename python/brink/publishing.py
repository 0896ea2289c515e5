# SPDX-License-Identifier: MIT
"""Results for others: a job array for Slurm that makes them, and a folder for the documentation that shows them."""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import shutil
import sys
from collections.abc import Sequence

from brink import pages, summary
from brink.command import write_text
from brink.experiment import SIZES, Experiment
from brink.judging import read_judgements
from brink.results import Results, has_settings, size_in

JOB_ARRAY = """#!/bin/bash
#SBATCH --job-name=brink-reproduce
#SBATCH --array=1-{tasks}
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
#SBATCH --output={log}/%a.txt
# Made by `tools/reproduce --slurm`. Options given to sbatch, such as --time, --gres, --cpus-per-task and --partition, override the lines above.

{command} --shard "$SLURM_ARRAY_TASK_ID/{tasks}" &
reproduce=$!
# bash ends a wait when a signal comes, so the end is waited for again.
trap 'kill -TERM "$reproduce"' TERM
wait "$reproduce"
code=$?
while kill -0 "$reproduce" 2>/dev/null; do
  wait "$reproduce"
  code=$?
done
# 75: interrupted, and to be resumed.
if [ "$code" = 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""


def write_job_array(experiments: Sequence[Experiment], results: Results, options: argparse.Namespace) -> int:
    """Writes DIR/reproduce.sbatch. Each task begins with its share of the runs, and takes what the others have not begun after that."""
    program = pathlib.Path(__file__).resolve().parents[2] / "tools" / "reproduce"
    names = [one if one == "all" or not one.endswith(".py") else str(pathlib.Path(one).resolve()) for one in options.names]
    words = [str(program), *names, "--size", options.size, "--out", str(results.out.resolve()), "--device", options.device]
    words += ["--jobs", str(options.jobs)] if options.jobs else []
    words += ["--data", str(options.data.resolve())] if options.data else []
    words += [word for one in options.set for word in ("--set", one)]
    log = results.out.resolve() / "slurm"
    log.mkdir(parents=True, exist_ok=True)
    script = results.out / "reproduce.sbatch"
    write_text(script, JOB_ARRAY.format(tasks=options.tasks, log=log, command=shlex.join(words)))
    print(f"{script}\nsubmit it with: sbatch {shlex.quote(str(script))}   ({options.tasks} tasks for {len(experiments)} experiments)")
    return os.EX_OK


def publish(experiments: Sequence[Experiment], everyone: Sequence[Experiment], results: Results, place: pathlib.Path,
            readme: pathlib.Path | None = None) -> int:
    """Copies finished results to `place`: numbers, pictures as SVG, claims and pages. Index and tables of verdicts are of all that it then holds.

    Pages that were there before are written again, because their words may have changed; their numbers and verdicts stay. `readme` is the file that
    shows the gallery and the table of verdicts.
    """
    marked = summary.between_marks(readme) if readme else None  # before anything is written
    copied = 0
    for one in experiments:
        size, folder = results.size_of(one), results.folder(one)
        if size is None or not results.is_finished(one, size):
            print(f"{one.id}: {folder} has no finished result of this version; `{one.command('SIZE', '--out', results.out)}` makes it",
                  file=sys.stderr)
            continue
        if (before := size_in(place / one.id)) in SIZES and SIZES.index(size) < SIZES.index(before):
            print(f"{one.id}: {folder} is of size {size}, and that in {place} of size {before}; it is not replaced. Remove {place / one.id} if it should be",
                  file=sys.stderr)
            continue
        new = place / f".{one.id}.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(folder, new, ignore=shutil.ignore_patterns("figure*.png"))
        shutil.rmtree(place / one.id, ignore_errors=True)
        new.rename(place / one.id)
        copied += 1
    there = summary.published(everyone, place)
    if not there:
        print(f"{place}: nothing was published, and nothing is there", file=sys.stderr)
        return 1
    for one, size in there:
        if has_settings(place / one.id, one, size):
            write_text(place / one.id / "page.html", pages.experiment_page(one, size, place / one.id, read_judgements(place / one.id)))
    write_text(place / "index.html", pages.index_page([(one, size, place / one.id) for one, size in there]))
    write_text(place / "README.md", summary.results_page(there, place))
    if readme and marked:
        write_text(readme, marked[0] + summary.readme_part(everyone, place, readme) + marked[2])
    for name, claim in summary.not_discussed(there, place):
        print(f"{name} does not discuss a claim that failed; add a sentence to its `discussion`: {claim}", file=sys.stderr)
    total = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(f"{place}: {copied} results copied, {len(there)} there, {total / 2**20:.1f} MiB")
    return os.EX_OK
