#!/usr/bin/env bash
# Installs the real clients that test/clients runs into a cache folder:
#   bash test/clients/install.sh [FOLDER]            (default ${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/clients)
#
# FOLDER/agents holds Claude Code, Codex and Continue from npm, FOLDER/langchain4j holds jar files from Maven. What is
# complete stays as it is, so a second run takes no time. A client that cannot be had is reported as SKIPPED, and the
# tests of this client are skipped; the exit status is 0 all the same.
set -euo pipefail

claude_code=2.1.332
codex=0.171.0
continue=1.5.47
langchain4j=1.19.0
folder=${1:-${FLM_TEST_CACHE:-$HOME/.cache/flm-test}/clients}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9

agents() {
  npm install --silent --no-fund --no-audit --prefix "$1" \
    "@anthropic-ai/claude-code@$claude_code" "@openai/codex@$codex" "@continuedev/cli@$continue"
}

java_libraries() {
  command -v mvn >/dev/null || { echo "Maven (mvn) is missing."; return 1; }
  # In the folder itself: what a developer has in ~/.m2 stays as it is.
  mvn --quiet --batch-mode --file "$here/langchain4j/pom.xml" "-Dlangchain4j.version=$langchain4j" \
    "-Dmaven.repo.local=$1/repository" dependency:copy-dependencies "-DoutputDirectory=$1/jars" &&
    rm -rf "$1/repository"
}

# install TITLE NAME VERSION COMMAND: an installation that was interrupted never looks complete.
install() {
  local target="$folder/$2-$3"
  if [ ! -d "$target" ]; then
    rm -rf "$target.part"
    mkdir -p "$target.part"
    if "$4" "$target.part"; then
      mv "$target.part" "$target"
    else
      echo "SKIPPED: $1 cannot be installed here"
      rm -rf "$target.part" "$folder/$2"
      return 0
    fi
  fi
  ln -sfn "$2-$3" "$folder/$2"
}

install "Claude Code, Codex and Continue" agents "$claude_code-$codex-$continue" agents &
install "langchain4j" langchain4j "$langchain4j" java_libraries
wait
