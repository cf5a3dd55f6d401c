#!/usr/bin/env bash
# Compiles Jaeger, Caddy and Prometheus from the Go module proxy into a cache folder, for the tests of this folder:
#   bash test/telemetry/install.sh [FOLDER]            (default ${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/telemetry)
#
# The folder is the last line on stdout: `jaeger-all-in-one`, `caddy`, `prometheus` and `promtool`, without their web pages. A
# second run takes no time. Needs a Go of 1.26 or newer, and about five minutes of two cores.
set -euo pipefail

jaeger_version=v1.76.0
prometheus_version=v0.316.0
caddy_version=v2.11.9
folder=${1:-${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/telemetry}
recipe="jaeger $jaeger_version, caddy $caddy_version, prometheus $prometheus_version"

exec 3>&1 1>&2
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/.lock"
flock 9

# `go install` refuses these modules, because they replace others. So each is built inside a copy of its sources.
compile() {
  local module=$1 version=$2 tags=$3 sources
  shift 3
  sources=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  rm -rf "$folder/src"
  cp -r "$sources" "$folder/src"
  chmod -R u+w "$folder/src"
  (cd "$folder/src" && GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0 nice go build -tags "$tags" -trimpath -ldflags "-s -w" -o "$folder/" "$@")
  rm -rf "$folder/src"
}

if [ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ]; then
  compile github.com/jaegertracing/jaeger "$jaeger_version" "" ./cmd/all-in-one
  mv "$folder/all-in-one" "$folder/jaeger-all-in-one"
  # Debian's Caddy has no `tracing`.
  GOBIN=$folder CGO_ENABLED=0 nice go install -trimpath -ldflags "-s -w" "github.com/caddyserver/caddy/v2/cmd/caddy@$caddy_version"
  # Without service discovery, which is most of the code.
  compile github.com/prometheus/prometheus "$prometheus_version" remove_all_sd ./cmd/prometheus ./cmd/promtool
  echo "$recipe" >"$folder/recipe"
fi
echo "$folder" >&3
