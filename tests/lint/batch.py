# SPDX-License-Identifier: MIT
"""Several C++ sources as one text, so that the headers that they share are read once."""

import collections
import re

# What a source declares for itself alone, at the start of a line: all of an unnamed namespace, and constants.
UNNAMED = re.compile(r"^namespace \{$(.*?)^\} +// namespace$", re.M | re.S)
OWN = re.compile(r"^(?:template <.*> )?(?:(?:struct|class|enum class|enum|concept) (\w+)|using (\w+) ="
                 r"|(?!return |using |namespace |struct |class |enum |TEST_CASE)[\w:][\w:<>,&* ]*[ &*](\w+)(?: = |[({;\[]))", re.M)
CONSTANT = re.compile(r"^(?:constexpr|static|const) [\w:<>,&* ]*[ &*]\w+(?: =|[({;\[]).*|^int main\(", re.M)
CONSTANT_NAME = re.compile(r"[ &*]([a-zA-Z_]\w*)(?: =|[({;\[])")
ENUMERATORS = re.compile(r"^enum[^{;]*\{([^}]*)\}", re.M)


def own_names(text):
    names = {name for line in CONSTANT.findall(text) for name in CONSTANT_NAME.findall(line)}
    for part in UNNAMED.findall(text):
        names.update(a or b or c for a, b, c in OWN.findall(part))
        names.update(word for listed in ENUMERATORS.findall(part) for word in re.findall(r"(\w+)(?: = [^,]*)?(?:,|\s*$)", listed))
    return names


class Batch:
    """text: the sources one after the other. A name of which more than one source has its own gets a number in each of them."""

    def __init__(self, paths):
        texts = [path.read_text() for path in paths]
        names = [own_names(text) for text in texts]
        count = collections.Counter(name for own in names for name in own)
        self.paths, self.starts, parts, line = list(paths), [], [], 1
        for i, text in enumerate(texts):
            clash = [name for name in names[i] if count[name] > 1]
            if clash:
                text = re.sub(r"(?<![\w./])(?<!->)(?<!::)(" + "|".join(clash) + r")\b", rf"\1_{i}", text)
            self.starts.append(line)
            parts.append(text if text.endswith("\n") else text + "\n")
            line += parts[-1].count("\n")
        self.text = "".join(parts)

    def at_source(self, message, path):
        """A message about a line of the text, which is in the file `path`, as one about the line of its source."""
        match = re.match(re.escape(str(path)) + r":(\d+)(.*)", message, re.S)
        if not match:
            return message
        i = max(k for k, start in enumerate(self.starts) if start <= int(match[1]))
        return f"{self.paths[i]}:{int(match[1]) - self.starts[i] + 1}{match[2]}"
