# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: MIT
# Shared by tools/demo and tools/test, which source it: finds and installs Debian packages, configures, builds. No Python
# package is needed here; tools/reproduce and bench/peers make virtual environments of their own.
# A package counts as present if what it provides is found (a command, a header), so other distributions and manual
# installations work; only installing needs apt.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BRINK_BUILD:-$root/build}
jobs=${BRINK_JOBS:-$(nproc)}
PATH=$PATH:/usr/sbin:/sbin  # where daemons are; only root has them on its path

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# "package|command:name", "package|header:name", "package|module:name" for a module of Python or, for a runtime library of clang 14,
# "package|runtime:name". Commands that come with g++ (nm, objdump) are not listed.
packages_to_build=(
  "g++|command:c++" "meson|command:meson" "ninja-build|command:ninja" "pkgconf|command:pkg-config"
  "python3|command:python3" "libcli11-dev|header:CLI/CLI.hpp" "libtomlplusplus-dev|header:toml++/toml.h"
  "libfmt-dev|header:fmt/format.h" "nlohmann-json3-dev|header:nlohmann/json.hpp" "zlib1g-dev|header:zlib.h"
  "libxxhash-dev|header:xxhash.h"
)
packages_to_test=(
  "doctest-dev|header:doctest/doctest.h" "clang-14|command:clang++-14" "clang-format-14|command:clang-format-14"
  "clang-tidy-14|command:clang-tidy-14" "libclang-rt-14-dev|runtime:fuzzer" "shellcheck|command:shellcheck"
  "qemu-user|command:qemu-x86_64" "munge|command:munged" "slurmctld|command:slurmctld" "slurmd|command:slurmd"
  "slurm-client|command:sbatch" "python3-venv|module:ensurepip"
)
packages_for_all=("g++-aarch64-linux-gnu|command:aarch64-linux-gnu-g++")

# Prints the packages of "package|probe" arguments whose probe fails.
missing_packages() {
  local entry probe headers=() found=""
  for entry in "$@"; do
    probe=${entry#*|}
    case $probe in header:*) headers+=("${probe#header:}") ;; esac
  done
  if command -v c++ >/dev/null && [ ${#headers[@]} -gt 0 ]; then
    found=$(for h in "${headers[@]}"; do printf '#if __has_include(<%s>)\nfound %s\n#endif\n' "$h" "$h"; done |
      c++ -std=c++20 -E -P -x c++ - 2>/dev/null | sed -n 's/^found //p')
  fi
  for entry in "$@"; do
    probe=${entry#*|}
    case $probe in
      command:*) command -v "${probe#command:}" >/dev/null || echo "${entry%%|*}" ;;
      runtime:*)
        [ -e "$(clang++-14 -print-file-name="libclang_rt.${probe#runtime:}-$(uname -m).a" 2>/dev/null)" ] || echo "${entry%%|*}" ;;
      module:*) python3 -c "import ${probe#module:}" 2>/dev/null || echo "${entry%%|*}" ;;
      header:*) grep -qxF "${probe#header:}" <<<"$found" || echo "${entry%%|*}" ;;
    esac
  done
}

# Installs what is missing of "package|probe" arguments, or says what to install and ends the program.
need_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  local command="apt-get install --no-install-recommends ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    die "missing, by their Debian names: ${missing[*]}"
  elif [ "$(id -u)" != 0 ]; then
    die "missing packages: ${missing[*]}
  install them as root, then run this again:
  $command"
  fi
  say "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # An absent or old package list is the usual reason for a failure, so a second try follows an update.
  if [ -z "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2>/dev/null)" ] ||
    ! apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$root/.setup.log" 2>&1; then
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$root/.setup.log" 2>&1 ||
      { tail -n 20 "$root/.setup.log" >&2; die "failed: $command"; }
  fi
  rm -f "$root/.setup.log"
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -eq 0 ] || die "installed, but still not found: ${missing[*]}"
}

# configure [meson options]: makes the build folder, or sets it up anew if an option differs. A meson that only reconfigures
# keeps its old search results, although packages may have been installed since. Compiled files are kept.
configure() {
  local option same=yes
  [ -f "$build/build.ninja" ] || same=no
  for option in "$@"; do
    [ $same = yes ] || break
    meson introspect --buildoptions "$build" | python3 -c '
import json, sys
name, value = sys.argv[1][2:].split("=", 1)
sys.exit(not any(o["name"] == name and str(o["value"]) == value for o in json.load(sys.stdin)))' "$option" || same=no
  done
  if [ $same = no ]; then
    mkdir -p "$build"
    rm -rf "$build/meson-private" "$build/meson-info" "$build/build.ninja"
    meson setup "$build" "$root" "$@" >"$build/configure.log" || { tail -n 30 "$build/configure.log" >&2; die "meson failed"; }
  else  # after a change of a meson.build, what meson tells of targets and tests would be that of before
    ninja -C "$build" build.ninja >"$build/configure.log" || { tail -n 30 "$build/configure.log" >&2; die "meson failed"; }
  fi
}

# compile [targets]: quiet while it works; shows the compiler's messages if it fails or warns.
compile() {
  say "building in $build"
  local started=$SECONDS
  if ! ninja -C "$build" -j "$jobs" "$@" >"$build/compile.log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\]' "$build/compile.log" | tail -n 60 >&2
    die "the build failed; its whole output is in $build/compile.log"
  fi
  grep -E 'warning:' "$build/compile.log" || true
  say "built in $((SECONDS - started)) s"
}
