# SPDX-License-Identifier: MIT
"""Include cycles: none between folders, and none between the header and source pairs of one folder.

A folder here is one below a layer (kernels/matmul). A file directly in a layer (kernels/memory.cpp) counts as a folder of its
own with the other files of its pair (kernels/memory.h). A pair is a header and the source of the same name.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import CPP, Cases, project_files

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)


def pair_of(path):
    path = pathlib.PurePosixPath(path)
    return str(path.parent / path.stem)


def room_of(path):
    folder = str(pathlib.PurePosixPath(path).parent)
    return folder if "/" in folder else pair_of(path)


def includes(files):
    """(path, line, included path) of every include of a file of the tree."""
    known = {path for path, _ in files}
    for path, text in files:
        for found in INCLUDE.finditer(text):
            if found[1] in known:
                yield path, text.count("\n", 0, found.start()) + 1, found[1]


def circles(edges):
    """Sets of two or more nodes that all reach one another. Tarjan's algorithm, without recursion."""
    following, index, low, stack, on_stack, found = {}, {}, {}, [], set(), []
    for a, b in sorted(edges):
        following.setdefault(a, []).append(b)
    for root in sorted(following):
        if root in index:
            continue
        work = [(root, iter(following[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(following.get(other, []))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    circle = {stack.pop()}
                    while node not in circle:
                        circle.add(stack.pop())
                    on_stack -= circle
                    if len(circle) > 1:
                        found.append(circle)
    return found


def complaints(files, group):
    """One line for each edge of each cycle, when files are grouped by `group`."""
    edges = {}
    for path, line, included in includes(files):
        a, b = group(path), group(included)
        if a != b:
            edges.setdefault((a, b), f"{path}:{line} includes {included}")
    for circle in circles(edges):
        yield f"cycle of {', '.join(sorted(circle))}:"
        yield from (f"  {edges[e]}" for e in sorted(edges) if set(e) <= circle)


RULES = {"rooms": room_of, "pairs": pair_of}
# Rule: trees of {path: included paths} that it must reject, and trees that it must let through.
BROKEN = {
    "rooms": [{"kernels/a/x.h": ["kernels/b/y.h"], "kernels/b/z.cpp": ["kernels/a/w.h"], "kernels/b/y.h": [], "kernels/a/w.h": []},
              {"kernels/memory.cpp": ["kernels/cuda/context.h"], "kernels/cuda/context.cpp": ["kernels/memory.h"],
               "kernels/memory.h": [], "kernels/cuda/context.h": []},
              {"training/a.h": ["training/b.h"], "training/b.cpp": ["training/c/d.h"], "training/c/e.h": ["training/a.h"],
               "training/b.h": [], "training/c/d.h": []}],
    "pairs": [{"kernels/device.h": ["kernels/thread_pool.h"], "kernels/thread_pool.cpp": ["kernels/device.h"], "kernels/thread_pool.h": []},
              {"autodiff/p/dense.cpp": ["autodiff/p/loss.h"], "autodiff/p/loss.cpp": ["autodiff/p/dense.h"],
               "autodiff/p/loss.h": [], "autodiff/p/dense.h": []},
              {"kernels/a/x.cuh": ["kernels/a/y.h"], "kernels/a/y.cuh": ["kernels/a/x.h"], "kernels/a/x.h": [], "kernels/a/y.h": []}],
}
SOUND = {
    "rooms": [{"kernels/a/x.h": ["kernels/b/y.h"], "kernels/c.cpp": ["kernels/a/x.h"], "kernels/a/x.cpp": ["kernels/d.h", "kernels/a/x.h"],
               "kernels/b/y.h": ["kernels/d.h"], "kernels/d.h": []}],
    "pairs": [{"kernels/a/x.cpp": ["kernels/a/x.h", "kernels/a/y.h"], "kernels/a/x.h": [], "kernels/a/y.h": ["kernels/a/x.h"]}],
}
SOUND["pairs"][0]["kernels/a/x.cpp"].remove("kernels/a/y.h")


def written(tree):
    return [(path, "".join(f'#include "{i}"\n' for i in included)) for path, included in tree.items()]


files = [(path, text) for path, text in project_files() if pathlib.PurePosixPath(path).suffix in CPP]
cases = Cases()
cases.check("includes were found", len(list(includes(files))) > 300)
for rule, group in RULES.items():
    cases.check(f"no include cycle between {rule}", list(complaints(files, group)))
    for i, tree in enumerate(BROKEN[rule]):
        cases.rejects(f"cycle between {rule} {i + 1}", list(complaints(written(tree), group)))
    for i, tree in enumerate(SOUND[rule]):
        cases.check(f"no cycle between {rule} {i + 1}", list(complaints(written(tree), group)))
cases.close()
