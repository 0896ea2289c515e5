#!/bin/sh
# SPDX-License-Identifier: MIT
# Starts gpu_check from an unpacked archive, where it is called `start`. Needs a shell and Python 3.8, and says so if Python is
# missing.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
  echo "start: '$python' is not there or is older than Python 3.8; name another one: PYTHON=/path/to/python3 $0" >&2
  echo "start: without Python, compare all kernels with: $here/tests/emulator/test_device --no-skip -tc='rows*,tiles*,whole*'" >&2
  exit 2
fi
exec "$python" "$here/tools/gpu_check" "$@"
