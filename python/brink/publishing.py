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

from brink import pages
from brink.command import write_text
from brink.experiment import Experiment
from brink.judging import read_judgements, verdict_counts
from brink.results import Results, size_in

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


def publish(experiments: Sequence[Experiment], everyone: Sequence[Experiment], results: Results, place: pathlib.Path) -> int:
    """Copies finished results to `place`: numbers, pictures as SVG, claims and pages. The index and the table of verdicts there are of all that it holds."""
    copied = 0
    for one in experiments:
        size, folder = results.size_of(one), results.folder(one)
        if size is None or not results.is_finished(one, size):
            print(f"{one.id}: there is no finished result in {folder}", file=sys.stderr)
            continue
        new = place / f".{one.id}.new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(folder, new, ignore=shutil.ignore_patterns("figure*.png"))
        shutil.rmtree(place / one.id, ignore_errors=True)
        new.rename(place / one.id)
        copied += 1
    there = [(one, size) for one in everyone if (size := size_in(place / one.id)) is not None]
    write_text(place / "index.html", pages.index_page([(one, size, place / one.id) for one, size in there]))
    write_text(place / "README.md", verdict_table(there, place))
    total = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    print(f"{place}: {copied} results copied, {len(there)} there, {total / 2**20:.1f} MiB")
    return os.EX_OK


def verdict_table(entries: Sequence[tuple[Experiment, str]], place: pathlib.Path) -> str:
    """A table of all claims with their verdicts, for readers of the repository."""
    lines = ["# Results", "", "Every claim of the paper that is judged, with what was measured and the verdict. `index.html` shows the pictures.",
             "`tools/reproduce all --size small` makes them again ([reproduce.md](../reproduce.md)).", ""]
    judged = {one.id: read_judgements(place / one.id) for one, _ in entries}
    counts = verdict_counts(claim for claims in judged.values() for claim in claims)
    lines += [", ".join(f"{name}: {count}" for name, count in counts.items()) + ".", ""]
    for one, size in entries:
        lines += [f"## {one.id}: {one.title}", "", f"Size {size}" + (f", also {', '.join(one.also)}" if one.also else "") +
                  f". [Figure]({one.id}/figure.svg)", ""]
        if judged[one.id]:
            lines += ["| claim | measured | verdict |", "|---|---|---|"]
            lines += [f"| {cell(claim.claim)} | {cell(claim.in_words)} | {claim.verdict} |" for claim in judged[one.id]] + [""]
    return "\n".join(lines)


def cell(words: str) -> str:
    return words.replace("|", "\\|")
