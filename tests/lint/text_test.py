# SPDX-License-Identifier: MIT
"""The rules that can be checked in the text: include order, file heads, citations, macros, forbidden calls, length, what must not be named.
Comments and strings are blanked first where code is meant.

A rule is a function from (path, text) to complaints, with broken examples beside it that it must reject.
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness import CPP, LAYERS, Cases, project_files

MAY_INCLUDE = {
    "kernels": {"kernels"},
    "autodiff": {"kernels", "autodiff"},
    "models": {"kernels", "autodiff", "models"},
    "spectral": {"kernels", "spectral"},
    "training": set(LAYERS),
    "tools": {*LAYERS, "tools"},
    "bench": {*LAYERS, "bench"},
    "docs": {*LAYERS, "docs"},
    "tests": {*LAYERS, "tools", "bench", "docs", "tests"},
}
LONGEST = 450


def is_cpp(path):
    return pathlib.PurePosixPath(path).suffix in CPP


def is_script(path, text):
    return path.endswith(".py") or re.match(r"#!.*\b(bash|python3)", text) is not None or path.endswith(".sh")


def code_of(text):
    """The text with comments, strings and character literals blanked; line numbers stay."""
    pattern = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def layers(path, text):
    folder = path.split("/")[0]
    if not is_cpp(path) or folder not in MAY_INCLUDE:
        return
    for include in re.finditer(r'^\s*#\s*include\s*"([^"]+)"', text, re.M):
        target = include.group(1).split("/")[0] if "/" in include.group(1) else ""
        in_place_of_cuda = path == "kernels/cuda/device_code.h" and include.group(1) == "cuda_emulator.h"
        if target not in MAY_INCLUDE[folder] and not in_place_of_cuda:
            yield f"{path}:{line_of(text, include.start())}: {folder} must not include \"{include.group(1)}\""


def head(path, text):
    lines = text.split("\n")
    if is_cpp(path):
        if lines[0] != "// SPDX-License-Identifier: MIT":
            yield f"{path}:1: expected // SPDX-License-Identifier: MIT"
        # A source whose header describes it needs no head of its own: conv.h describes conv_cpu.cpp.
        header = re.sub(r"_(cpu|cuda|simd)$", "", pathlib.PurePosixPath(path).stem) + ".h"
        own_head = path.endswith((".h", ".cuh")) or not (path.startswith("tests/") or header in HEADERS)
        if own_head and not (len(lines) > 1 and lines[1].startswith("// ")):
            yield f"{path}:2: expected one sentence that says what the file is for"
    elif is_script(path, text) or path.endswith("meson.build"):
        marks = [i for i, line in enumerate(lines[:3]) if line == "# SPDX-License-Identifier: MIT"]
        if not marks:
            yield f"{path}:1: expected # SPDX-License-Identifier: MIT"
        elif not path.endswith("meson.build") and not re.match(r'# [\w`]|"""[\w`]', lines[marks[0] + 1]):
            yield f"{path}:{marks[0] + 2}: expected one sentence that says what the file is for"


# Written in pieces, so that this file is no exception to its own rule.
OLD_HEADS = re.compile(r"What it" + r" is(?: not)?:|^\W*Deci" + r"sion:", re.M)


def plain_heads(path, text):
    """A head begins with its sentence and has no labels."""
    if path.endswith(".md"):
        return
    for found in OLD_HEADS.finditer(text):
        yield f"{path}:{line_of(text, found.start())}: {found.group().strip()}: say it as a plain sentence"


def citations(path, text):
    """A section that is quoted after a document's name is a heading or a bold term of that document."""
    if path == "tests/lint/text_test.py":
        return
    lines = re.sub(r"\n\s*(?:///?|#) ?", " ", text)
    for found in re.finditer(r'\b((?:docs/\w+|ARCHITECTURE|CONTRIBUTING|README)\.md),? "([^"]+)"', lines):
        document, section = found.groups()
        if document not in DOCUMENTS:
            yield f"{path}: {document}: there is no such document"
        elif not re.search(rf"^#+ (?:[\d.]+ )?{re.escape(section)}|\*\*{re.escape(section)}\*\*", DOCUMENTS[document], re.M | re.I):
            yield f"{path}: {document} has no section \"{section}\""


def macros(path, text):
    if not is_cpp(path):
        return
    for define in re.finditer(r"^\s*#\s*define\s+(\w+)", code_of(text), re.M):
        name = define.group(1)
        # The emulator makes CUDA's words, and no other names, disappear for the host's compiler.
        cuda_word = path == "tests/emulator/cuda_emulator.h" and name.startswith("__")
        if not (name == "BRINK_HD" and path == "kernels/hd.h") and not cuda_word and not name.startswith("DOCTEST_CONFIG_"):
            yield f"{path}:{line_of(text, define.start())}: macro {name}; the project's one macro is BRINK_HD"


LIBM = "exp exp2 expm1 exp10 log log2 log10 log1p pow sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh " \
       "erf erfc tgamma lgamma cbrt hypot lerp"
FORBIDDEN = [
    (r"\b(?:std::|__builtin_)(?:%s)[fl]?\s*\(" % "|".join(LIBM.split()), "libm: its bits follow the system (kernels have their own)"),
    (r"#\s*include\s*<random>|\bstd::(?:mt19937|normal_distribution|uniform_\w+_distribution|shuffle)\b|\bs?rand(?:om)?\s*\(\s*\)",
     "random numbers come from kernels' Philox"),
    (r"#\s*pragma\s+omp\b|#\s*include\s*<omp\.h>", "OpenMP: its reductions follow the thread count"),
    (r"#\s*pragma\s+(?:STDC\s+FP_CONTRACT|GCC\s+optimize|clang\s+fp)|__attribute__\s*\(\(\s*optimize|\[\[\s*gnu::optimize",
     "arithmetic is set by the build's flags alone"),
    (r"\batomic(?:_ref)?\s*<\s*(?:float|double)\b|\batomicAdd\s*\(", "float atomics: the order of additions would be lost"),
    (r"\bstd::(?:reduce|transform_reduce)\b|\bstd::execution::", "the order of additions is unspecified"),
]


def forbidden_calls(path, text):
    if not is_cpp(path) or path.startswith(("tests/", "bench/")):
        return
    code = code_of(text)
    for pattern, why in FORBIDDEN:
        for found in re.finditer(pattern, code):
            yield f"{path}:{line_of(code, found.start())}: {found.group().strip()}: {why}"


# The tests of the CUDA side itself include it.
KNOWS_CUDA = ("kernels/", "tests/emulator/", "tests/device/")


def cuda_stays_in_kernels(path, text):
    if not is_cpp(path) or path.startswith(KNOWS_CUDA):
        return
    for found in re.finditer(r'^\s*#\s*include\s*"kernels/cuda/[^"]*"', text, re.M):
        yield f"{path}:{line_of(text, found.start())}: {found.group().strip()}: above kernels/ a GPU is kernels/gpu.h"
    code = code_of(text)
    for found in re.finditer(r"\bif\s+constexpr\s*\([^)]*\bhas_cuda\b|\bBRINK_WITH_CUDA\b", code):
        yield f"{path}:{line_of(code, found.start())}: {found.group()}: a build without CUDA has kernels/cuda/absent.cpp instead"


def flags_in_build_files(path, text):
    if not path.endswith(("meson.build", "meson_options.txt", ".sh")) or path.startswith(("tests/", "bench/")):
        return
    for found in re.finditer(r"(?<!no[- ])fast-math|-Ofast|fp-contract=(?!off)\w+|-march=native|unsafe-math|associative-math|fopenmp", text):
        yield f"{path}:{line_of(text, found.start())}: {found.group()}"


READERS = {"training/io/json.cpp", "training/io/toml.cpp"}


def parsers(path, text):
    """Text from outside reaches a parser through one function each, which limits the depth."""
    if not is_cpp(path) or path.startswith("tests/") or path in READERS:
        return
    for found in re.finditer(r"(?:json|toml)::(?:parse\w*|accept|from_\w+)\s*\(", code_of(text)):
        yield f"{path}:{line_of(text, found.start())}: {found.group()}: use training/io/json.h or training/io/toml.h, which limit the depth"


def length(path, text):
    lines = text.count("\n")
    if (is_cpp(path) or is_script(path, text) or path.endswith("meson.build")) and lines > LONGEST:
        yield f"{path}: {lines} lines, at most {LONGEST}: it is probably two files"


# Written in pieces, so that this file is no exception to its own rule.
NAMED = "|".join(re.escape(a + b) for a, b in [
    ("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/opt/", "wheels"), ("py", "pi.org"), ("python", "hosted.org"),
    ("deb.", "debian.org"), ("snapshot.", "debian.org"), ("local", "host:"), ("proxy.", "golang.org"), ("crates", ".io")])
# A private address; the loopback one is left out.
ADDRESS = r"\b(?:10|172\.(?:1[6-9]|2\d|3[01])|192\.168)(?:\.\d{1,3}){2,3}\b"


def no_machine_is_named(path, text):
    for found in re.finditer(f"{NAMED}|{ADDRESS}", text):
        yield f"{path}:{line_of(text, found.start())}: {found.group()}"


def nothing_left_open(path, text):
    if path.endswith(".md") or path == "tests/lint/text_test.py":
        return
    for found in re.finditer(r"\b(TODO|FIXME|XXX|not implemented)\b", text):
        yield f"{path}:{line_of(text, found.start())}: {found.group()}"


def ends_with_newline(path, text):
    if text and not text.endswith("\n"):
        yield f"{path}: no newline at the end"
    for found in re.finditer(r"[ \t]+$|\r", text, re.M):
        if not path.endswith((".md", ".csv", ".svg", ".html")):
            yield f"{path}:{line_of(text, found.start())}: space at the end of the line"


SPDX = "// SPDX-License-Identifier: MIT\n// A control.\n"
# Rule: (path, text) pairs, each of which it must reject.
RULES = {
    layers: [("kernels/a.h", SPDX + '#include "autodiff/graph.h"\n'), ("spectral/a.h", SPDX + '#include "autodiff/batch/linearized.h"\n'),
             ("autodiff/a.cpp", SPDX + '#include "models/mlp.h"\n'), ("models/a.h", SPDX + '  #  include "training/run.h"\n'),
             ("training/a.h", SPDX + '#include "tools/cli.h"\n'), ("kernels/a.cpp", SPDX + '#include "view.h"\n'),
             ("bench/a.cpp", SPDX + '#include "tools/cli.h"\n'), ("kernels/a.cuh", SPDX + '#include "cuda_emulator.h"\n')],
    head: [("kernels/a.h", "#pragma once\n"), ("kernels/a.h", "// SPDX-License-Identifier: MIT\n#pragma once\n"),
           ("tools/lonely_program.cpp", "// SPDX-License-Identifier: MIT\nint main() {}\n"),
           ("tools/a.py", "import sys\n"), ("tools/a", "#!/usr/bin/env bash\n# SPDX-License-Identifier: MIT\nset -e\n"),
           ("tools/meson.build", "x = 1\n")],
    plain_heads: [("kernels/a.h", "// SPDX-License-Identifier: MIT\n// What it" + " is: a view.\n"), ("tools/a", "# Deci" + "sion: none.\n")],
    citations: [("kernels/a.h", SPDX + '// See docs/lost.md, "Networks".\n'), ("kernels/a.h", SPDX + '// See docs/method.md, "No\n// section".\n'),
                ("kernels/a.h", SPDX + '/// Source: ARCHITECTURE.md, "rule".\n')],
    macros: [("kernels/a.h", SPDX + "#define SIMD 1\n"), ("autodiff/a.h", SPDX + "#define BRINK_HD\n"),
             ("tests/emulator/cuda_emulator.h", SPDX + "#define threads 32\n"), ("kernels/a.cuh", SPDX + "#define __shared__\n")],
    forbidden_calls: [("kernels/a.cpp", SPDX + line + "\n") for line in
                      ["double y = std::exp(x);", "float y = __builtin_logf(x);", "#include <random>", "#pragma omp parallel for",
                       "std::atomic<float> sum;", "auto s = std::reduce(a, b);", "#pragma STDC FP_CONTRACT ON", "int r = rand();"]],
    cuda_stays_in_kernels: [("training/a.cpp", SPDX + '#include "kernels/cuda/context.h"\n'),
                            ("tests/training/a.cpp", SPDX + ' # include "kernels/cuda/runtime.h"\n'),
                            ("tools/a.cpp", SPDX + "void f() {\n  if constexpr (!has_cuda) g();\n}\n"),
                            ("autodiff/a.cpp", SPDX + "#ifdef BRINK_WITH_CUDA\n#endif\n")],
    flags_in_build_files: [("meson.build", "args = ['-ffast-math']\n"), ("kernels/meson.build", "['-ffp-contract=fast']\n"),
                           ("meson.build", "'-march=native'\n")],
    parsers: [("tools/a.cpp", SPDX + "auto j = nlohmann::ordered_json::parse(text);\n"), ("training/a.cpp", SPDX + "toml::parse_file(p);\n")],
    length: [("kernels/a.h", SPDX + "\n" * LONGEST)],
    no_machine_is_named: [("README.md", "see /wo" + "rk/shared\n"), ("tools/a", "pip install -i https://py" + "pi.org/simple\n"),
                          ("tools/a", "http://10." + "1.2.3:80\n")],
    nothing_left_open: [("kernels/a.h", SPDX + "// TODO the rest\n")],
    ends_with_newline: [("kernels/a.h", SPDX + "int a;"), ("kernels/a.h", SPDX + "int a; \n")],
}

files = list(project_files())
DOCUMENTS = {path: text for path, text in files if path.endswith(".md")}
HEADERS = {pathlib.PurePosixPath(path).name for path, _ in files if path.endswith(".h")}
cases = Cases()
cases.check("the tree was found", len(files) > 30 and any(path == "kernels/view.h" for path, _ in files))
for rule, broken in RULES.items():
    cases.check(rule.__name__, [complaint for path, text in files for complaint in rule(path, text)])
    for i, (path, text) in enumerate(broken):
        cases.rejects(f"{rule.__name__} {i + 1}", list(rule(path, text)))
cases.close()
