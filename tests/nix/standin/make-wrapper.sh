# makeWrapper PROGRAM OUT [--set K V] [--set-default K V] [--prefix K SEPARATOR V] [--add-flags S]
makeWrapper() {
  local program="$1" out="$2" flags=""
  shift 2
  mkdir -p "$(dirname "$out")"
  {
    echo '#!/bin/bash -e'
    while [ $# -gt 0 ]; do
      case "$1" in
        --set) printf 'export %s=%q\n' "$2" "$3"; shift 3 ;;
        --set-default) printf 'export %s=${%s-%q}\n' "$2" "$2" "$3"; shift 3 ;;
        --prefix) printf 'export %s=%q${%s:+%q$%s}\n' "$2" "$4" "$2" "$3" "$2"; shift 4 ;;
        --add-flags) flags="$flags $2"; shift 2 ;;
        *) echo "makeWrapper: $1: not in the stand-in" >&2; return 1 ;;
      esac
    done
    printf 'exec %q %s "$@"\n' "$program" "$flags"
  } >"$out"
  chmod +x "$out"
}
