#!/usr/bin/env bash
# Puts what checks the Helm chart into a cache folder, for tests:
#   bash test/fleet/install-helm.sh [FOLDER]            (default ${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/helm)
#
# The folder is the last line on stdout: `helm`, compiled from the Go module, and `python/bin/kubernetes-validate`, which
# holds the schemas of Kubernetes. A second run takes no time. Needs a Go of 1.21 or newer, and Python with venv.
set -euo pipefail

helm_version=v3.18.4
validate_version=1.37.0
folder=${1:-${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/helm}
recipe="helm $helm_version, kubernetes-validate $validate_version"

exec 3>&1 1>&2
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/.lock"
flock 9

if [ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ]; then
  go version | grep -qE 'go(1\.(2[1-9]|[3-9][0-9])|[2-9])' || { echo "To build Helm, Go 1.21 or newer is needed."; exit 1; }
  GOBIN=$folder CGO_ENABLED=0 nice go install -ldflags "-s -w" "helm.sh/helm/v3/cmd/helm@$helm_version"
  python3 -m venv "$folder/python"
  "$folder/python/bin/pip" install --quiet --disable-pip-version-check "kubernetes-validate==$validate_version"
  echo "$recipe" >"$folder/recipe"
fi
echo "$folder" >&3
