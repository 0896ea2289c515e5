# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A minimal Debian 12 in a folder, for the proofs in tools/; it is sourced, and its caller has `die`.

# Lines "URI suite component" of the Debian repositories that apt is configured for here.
repositories() {
  apt-get indextargets --format "\$(REPO_URI) \$(RELEASE) \$(COMPONENT)" 'Created-By: Packages' | sort -u | grep ' bookworm'
}

# bootstrap FOLDER debootstrap-arguments…
bootstrap() {
  local mirror folder=$1
  shift
  mirror=$(repositories | awk '$2 == "bookworm" { print $1; exit }')
  [ -n "$mirror" ] || die "apt is configured for no Debian 12 repository; add one to its package sources"
  debootstrap --variant=minbase "$@" bookworm "$folder" "$mirror"
}

need_debootstrap() {
  [ "$(id -u)" = 0 ] || die "needs root (chroot)"
  command -v debootstrap >/dev/null || die "needs debootstrap: apt-get install debootstrap"
}
