#!/usr/bin/env bash
# The stand-in check: the real flake, evaluated and built in Nix's sandbox, over a package set made of this machine's
# Python and pinned wheels. It shows that our Nix code holds and that what it makes runs; it shows nothing about nixpkgs.
#
# usage: tests/nix/check.sh          NIX=/path/to/nix and PYTHON=/path/to/python choose others than those found
#
# Fetches Nix and the wheels once, into build/nix. Stores and everything else are temporary.
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD cache=$PWD/build/nix
work=$(mktemp -d)

leave() {
  chmod -R u+w "$work" && rm -rf "$work"
  # Run by root for somebody else, this leaves nothing that they cannot remove.
  if [ "$(id -u)" = 0 ]; then chown -R --reference="$repository" "$repository/build"; fi
}
trap leave EXIT

say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }
fail() { printf 'nix-check: %s\n' "$*" >&2; exit 1; }

# ── What it takes: an interpreter, Nix, the wheels ──────────────────────────────────────────────────────────────────

find_python() {
  local name
  for name in ${PYTHON:-} python3.13 python3.12 python3.11 python3.14 python3; do
    "$name" -c 'import ensurepip, os, sys; assert sys.version_info >= (3, 11); print(os.path.realpath(sys._base_executable))' 2>/dev/null && return
  done
  fail "this needs Python 3.11 or newer with its venv module; say where it is with PYTHON=…"
}
find_nix() {
  if [ -n "${NIX:-}" ]; then echo "$NIX"; return; fi
  # Older ones lack commands that are used below.
  if command -v nix >/dev/null && nix --version | awk '{ split($NF, v, "."); exit !(v[1] > 2 || v[2] >= 24) }'; then command -v nix; return; fi
  tests/nix/get-nix.sh "$cache/nix"
}
mkdir -p "$cache"
python=$(find_python)
nix=$(find_nix)
say "$("$nix" --version), $("$python" --version)"

"$python" -m venv "$work/venv"
mkdir "$work/standin"
cp -r tests/nix/standin/. "$work/standin"
"$work/venv/bin/python" tests/nix/standin/fetch.py "$cache/wheels" "$work/standin"

# The sandbox sees the machine's programs and the interpreter, and no network.
prefix=$(dirname "$(dirname "$python")")
export NIX_CONFIG="experimental-features = nix-command flakes
substituters =
build-users-group =
sandbox = true
sandbox-fallback = false
sandbox-paths = /bin /usr /lib $([ -e /lib64 ] && echo /lib64) $([ "$prefix" = /usr ] || echo "$prefix")
warn-dirty = false"
export HOME=$work/home
mkdir "$HOME"
system=$("$nix" eval --store dummy:// --raw --impure --expr builtins.currentSystem)

# ── The tools of this script ────────────────────────────────────────────────────────────────────────────────────────

# A copy of the checkout as a flake sees it, but with what git does not know of yet.
tree=$work/tree
copy_tree() {
  mkdir "$1"
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard
  else
    find . -path ./build -prune -o -path ./.venv -prune -o -type f -print0
  fi | while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done | tar --null -cf - -T - | tar -xf - -C "$1"
}

store=$work/store
over() { # SUBCOMMAND ARGUMENT… in the store, over the stand-in; what Nix says is kept
  local words=("$@") command=("$1")
  if [ "$1" = flake ]; then command=("$1" "$2"); fi
  "$nix" "${command[@]}" --store "local?root=$store" --override-input nixpkgs "path:$work/standin" --no-write-lock-file \
    "${words[@]:${#command[@]}}" 2>"$work/log"
}
must() { # WHAT COMMAND…: says so, or shows what Nix said
  local what=$1
  shift
  if "$@" >"$work/out"; then say "$what"; else tail -n 60 "$work/log" >&2; fail "not so: $what"; fi
}
refuses() { # WHAT TEXT: the tree's bio plugin does not evaluate, and the error has the text
  if over eval "path:$tree#packages.$system.qntx-bio-plugin.drvPath" >/dev/null; then fail "accepted: $1"; fi
  grep -qF -- "$2" "$work/log" || { tail -n 5 "$work/log" >&2; fail "$1: the error does not say: $2"; }
}
bio_drv() { over eval --raw "path:$tree#packages.$system.qntx-bio-plugin.drvPath"; }

in_store() { "$(dirname "$nix")/nix-store" --store "local?root=$store" "$@"; }
add_wheels() { (cd "$cache/wheels" && in_store --add-fixed sha256 -- *.whl >/dev/null); }

# ── It evaluates, for every system ──────────────────────────────────────────────────────────────────────────────────

# Everybody's edits stay out of it from here on.
copy_tree "$work/pristine"
renew_tree() { rm -rf "$tree" && cp -r "$work/pristine" "$tree"; }
renew_tree
add_wheels
must "nix flake show, three systems" over flake show --all-systems "path:$tree"
must "nix flake check --no-build, three systems" over flake check --no-build --all-systems "path:$tree"

# ── It builds, and what it makes runs ───────────────────────────────────────────────────────────────────────────────

names() { over eval --raw "path:$tree#$1.$system" --apply 'set: toString (builtins.attrNames set)'; }
packages=()
for name in $(names packages); do
  # There is no image without a store to put the interpreter in.
  case $name in *-image) ;; *) packages+=("path:$tree#$name") ;; esac
done
checks=() suites=()
for name in $(names checks); do
  case $name in
    *-plugin) suites+=("path:$tree#checks.$system.$name") ;;
    *) checks+=("path:$tree#checks.$system.$name") ;;
  esac
done
must "${#packages[@]} packages" over build --max-jobs 2 --no-link --print-out-paths "${packages[@]}"
built=$(sort "$work/out")
must "${#checks[@]} checks" over build --max-jobs 2 --no-link --print-out-paths "${checks[@]}"
for result in $(cat "$work/out"); do
  case $result in *-launcher | *-smoke | *-sbom | *-manifests) say "  $(tail -n 1 "$store$result")" ;; esac
done
# One after the other: they hold the plugins to QNTX's own patience.
must "the conformance suite passes for ${#suites[@]} plugins" over build --max-jobs 1 --no-link --print-out-paths "${suites[@]}"
for result in $(cat "$work/out"); do say "  ${result##*-check-}: $(tail -n 1 "$store$result")"; done

if command -v systemd-analyze >/dev/null; then
  for unit in "$store"/nix/store/*-check-units/*.service; do
    systemd-analyze security --offline=true --no-pager --threshold=15 "$unit" >"$work/out" || { cat "$work/out"; fail "exposure above 1.5"; }
    say "  $(tail -n 1 "$work/out")"
  done
else
  say "no systemd-analyze here: the units were rendered, their exposure was not judged"
fi

# ── From outside the sandbox ────────────────────────────────────────────────────────────────────────────────────────

must "nix run .#qntx-bio-plugin" over run "path:$tree#qntx-bio-plugin" -- --version
must "nix run . -- run --glyph py:bio" over run "path:$tree" -- run --glyph py:bio - <<'PYTHON'
from Bio.Seq import Seq
_result = str(Seq("ATGGCC").translate())
PYTHON
grep -q MA "$work/out" || { cat "$work/out"; fail "py:bio did not translate"; }
untouched() { "$nix" store verify --store "local?root=$store" --all --no-trust 2>"$work/log"; }
must "nothing that ran wrote into the store" untouched
(cd "$tree" && must "nix develop .#bio has the plugin" over develop "path:$tree#bio" -c qntx-bio-plugin --version)
# Both print a version; the edited one prints another.
sed -i 's/^def main(.*/&\n    raise SystemExit("an edit of the checkout")/' "$tree/chassis/src/qntx/plugin/__main__.py"
(cd "$tree" && ! over develop "path:$tree#bio" -c qntx-bio-plugin --version 2>&1 >/dev/null && grep -q 'an edit of the checkout' "$work/log") ||
  fail "an edit of the checkout is not seen in nix develop"
say "an edit of the checkout is seen in nix develop at once"
renew_tree

# ── A new variant is one folder; nothing else is built again ────────────────────────────────────────────────────────

before=$(bio_drv)
mkdir "$tree/variants/chem"
cat >"$tree/variants/chem/plugin.toml" <<'TOML'
version = "0.1.0"
description = "A variant that is one new file"
dependencies = ["numpy>=1.26"]
imports = ["numpy"]
[smoke]
code = "import numpy\n_result = int(numpy.arange(4).sum())"
result = 6
TOML
must "a new folder variants/chem is a plugin, and its smoke test passes" \
  over build --no-link "path:$tree#qntx-chem-plugin" "path:$tree#checks.$system.chem-smoke" "path:$tree#checks.$system.manifests"
rm -rf "$tree/variants/chem"
if command -v git >/dev/null; then
  git -C "$tree" init -q && git -C "$tree" add -A
  (cd "$tree" && must "nix run .#new-variant chem numpy writes it and tells git" over run "git+file://$tree#new-variant" -- chem numpy)
  must "which the flake sees at once" over build --no-link "git+file://$tree#qntx-chem-plugin"
  rm -rf "$tree/.git" "$tree/variants/chem"
else
  say "no git here: nix run .#new-variant was not tried"
fi
echo '# edited' | tee -a "$tree/tests/nix/check.sh" "$tree/README.md" "$tree/variants/data/plugin.toml" "$tree/flake.nix" >/dev/null
[ "$(bio_drv)" = "$before" ] || fail "an edit of tests, texts or another variant builds bio again"
say "an edit of tests, texts or another variant builds nothing of bio again"

# ── Bad manifests ───────────────────────────────────────────────────────────────────────────────────────────────────

manifest=$tree/variants/bio/plugin.toml
bad() { # FAULT LINE…
  cp "$work/pristine/variants/bio/plugin.toml" "$manifest"
  sed -i "$2" "$manifest"
  refuses "$2" "$1"
}
bad "variants/bio/plugin.toml: unknown key 'dependancies' (nearest: dependencies)" 's/^dependencies/dependancies/'
bad "variants/bio/plugin.toml: nixpkgs has no python313 package 'nunpy' (nearest: numpy)" 's/"numpy>=1.26"/"nunpy"/'
bad "variants/bio/plugin.toml: 'numpy' is " 's/"numpy>=1.26"/"numpy>=99"/'
bad "in nixpkgs, wanted >=99,<100" 's/"numpy>=1.26"/"numpy>=99,<100"/'
bad "variants/bio/plugin.toml: nixpkgs has no package 'gti' for 'tools' (nearest: git)" '1a tools = ["gti"]'
cp "$work/pristine/variants/bio/plugin.toml" "$manifest"
mkdir "$tree/variants/bio-extra" && cp "$manifest" "$tree/variants/bio-extra/"
refuses "bio and bio-extra" "variant 'bio-extra' begins with 'bio-', so QNTX would take its watchers for those of 'bio'"
rm -rf "$tree/variants/bio-extra"
say "6 bad manifests refused, each by file, key and nearest name"

# ── Twice the same ──────────────────────────────────────────────────────────────────────────────────────────────────

# Every path that belongs to the packages, with its content's hash.
hashes() { in_store --query --requisites $built | sort -u | while read -r path; do echo "$path $(in_store --query --hash "$path")"; done; }
hashes >"$work/first"
renew_tree
store=$work/again
add_wheels
must "the packages once more, in an empty store" over build --max-jobs 2 --no-link --print-out-paths "${packages[@]}"
[ "$(sort "$work/out")" = "$built" ] || fail "two builds, two sets of paths"
hashes | diff "$work/first" - || fail "two builds differ"
say "two clean builds are bit-identical: $(wc -l <"$work/first") paths"
say "the stand-in check passed; what only nixpkgs can show: tests/nix/README.md"
