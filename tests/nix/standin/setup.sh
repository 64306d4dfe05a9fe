# What stdenv's setup does here: programs of the machine on PATH, inputs before them, hooks of inputs.
export PATH="$hostPath"
export HOME=/homeless-shelter PYTHONDONTWRITEBYTECODE=1
for input in ${nativeBuildInputs-}; do
  if [ -d "$input/bin" ]; then PATH="$input/bin:$PATH"; fi
  if [ -f "$input/nix-support/setup-hook" ]; then source "$input/nix-support/setup-hook"; fi
done

# Builders end in the shell (`exit 0` after this): a shell that turned itself into its last program would have that
# program close the log before it ends, which Nix takes for the end of the build, and kills it.
genericBuild() {
  set -eu -o pipefail
  umask 022
  eval "$buildCommand"
}
