/**
 * Makes the Debian package `flm-proxy`: the executable as /usr/bin/flm, a systemd service with its own user, shell
 * completions, manual pages and licences.
 *
 * As Debian's users expect, the service starts when the package is installed (it listens on loopback, and without a key
 * every request is refused), an upgrade hands over to the new files without a refused connection, and purging keeps
 * /var/lib/flm, because keys and certificates cannot be made again.
 */
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Architecture } from './executable.ts';
import { datedFiles, output, run } from './tools.ts';
import { debianUnit } from './unit.ts';

export interface DebianOptions {
  readonly executable: string;
  /** An executable for this machine, which prints the shell completions. */
  readonly completions: string;
  readonly licences: string;
  readonly architecture: Architecture;
  readonly version: string;
  readonly epochSeconds: number;
  /** Manual pages by file name. */
  readonly manPages: ReadonlyMap<string, string>;
  /** The folder for the package. */
  readonly folder: string;
}

const debianNames: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Makes the package and returns its path. */
export function makeDebianPackage(options: DebianOptions): string {
  const { version, epochSeconds } = options;
  const architecture = debianNames[options.architecture];
  const tree = mkdtempSync(join(tmpdir(), 'flm-debian-'));
  const put = (path: string, contents: string | Buffer, mode = 0o644): void => {
    const file = join(tree, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, contents);
    chmodSync(file, mode);
  };
  try {
    chmodSync(tree, 0o755);
    mkdirSync(join(tree, 'usr/bin'), { recursive: true });
    cpSync(options.executable, join(tree, 'usr/bin/flm'));
    symlinkSync('flm', join(tree, 'usr/bin/flm-proxy'));
    put('usr/lib/systemd/system/flm.service', debianUnit());
    const shells = {
      bash: 'bash-completion/completions/flm',
      zsh: 'zsh/vendor-completions/_flm',
      fish: 'fish/vendor_completions.d/flm.fish',
    };
    for (const [shell, path] of Object.entries(shells))
      put(join('usr/share', path), `${output(options.completions, ['completion', shell], '/')}\n`);
    for (const [name, text] of options.manPages)
      put(`usr/share/man/man1/${name}.gz`, gzipSync(text, { level: 9 }));
    const docs = 'usr/share/doc/flm-proxy';
    put(join(docs, 'copyright'), copyright);
    put(join(docs, 'changelog.gz'), gzipSync(changelog(version, epochSeconds), { level: 9 }));
    mkdirSync(join(tree, docs), { recursive: true });
    cpSync(options.licences, join(tree, docs, 'LICENSES.txt'));
    put('usr/share/lintian/overrides/flm-proxy', lintianOverrides);
    put('DEBIAN/control', control(version, architecture, sizeOf(tree)));
    for (const [name, script] of Object.entries(maintainerScripts))
      put(join('DEBIAN', name), `#!/bin/sh\nset -e\n${script}`, 0o755);
    const paths = readdirSync(tree, { recursive: true, encoding: 'utf8', withFileTypes: true });
    datedFiles(
      epochSeconds,
      // Deepest first, because changing an entry changes the time of its folder.
      paths
        .filter((entry) => !entry.isSymbolicLink())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .reverse(),
    );
    const target = join(options.folder, `flm-proxy_${version}_${architecture}.deb`);
    // gzip, because dpkg of Debian 11 reads no zstd, and xz takes a minute.
    run('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z3', '--build', tree, target], '/', {
      SOURCE_DATE_EPOCH: String(epochSeconds),
    });
    return target;
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function sizeOf(tree: string): number {
  return Number(
    output('du', ['--summarize', '--apparent-size', '--block-size=1K', tree], '/').split('\t')[0],
  );
}

function control(version: string, architecture: string, kilobytes: number): string {
  return `Package: flm-proxy
Version: ${version}
Architecture: ${architecture}
Maintainer: flm contributors <noreply@localhost>
Installed-Size: ${kilobytes}
Depends: libc6 (>= 2.28), libgcc-s1, libstdc++6, libatomic1, adduser
Recommends: ca-certificates
Suggests: libnss3-tools
Section: net
Priority: optional
Description: safe reverse proxy for LLM engines
 flm puts one HTTP or HTTPS endpoint with API keys, limits and a log in front of
 the LLM engines that already run: Ollama, LM Studio, vLLM, llama.cpp and every
 other server with an OpenAI-compatible API. Responses stream unchanged.
`;
}

function changelog(version: string, epochSeconds: number): string {
  const date = new Date(epochSeconds * 1000).toUTCString().replace('GMT', '+0000');
  return `flm-proxy (${version}) stable; urgency=medium

  * Release ${version}. CHANGELOG.md of the project describes the changes.

 -- flm contributors <noreply@localhost>  ${date}
`;
}

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: flm
Comment: The executable contains Node.js and packages of npm. Their notices are in
 /usr/share/doc/flm-proxy/LICENSES.txt.

Files: *
Copyright: flm contributors
License: MIT

License: MIT
 Permission is hereby granted, free of charge, to any person obtaining a copy of
 this software and associated documentation files (the "Software"), to deal in
 the Software without restriction, including without limitation the rights to
 use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of
 the Software, and to permit persons to whom the Software is furnished to do so,
 subject to the following conditions:
 .
 The above copyright notice and this permission notice shall be included in all
 copies or substantial portions of the Software.
 .
 THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS
 FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
 COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER
 IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
 CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
`;

const lintianOverrides = `# The executable is Node with the program inside; stripping it would cut the program off.
flm-proxy: unstripped-binary-or-object [usr/bin/flm]
flm-proxy: embedded-library *
`;

/** The service's user and data folder. The unit contains both. */
const user = 'flm';
const home = '/var/lib/flm';

const maintainerScripts: Readonly<Record<string, string>> = {
  postinst: `
if [ "$1" = configure ]; then
  adduser --system --group --home ${home} --no-create-home --quiet ${user}
  install -d -m 700 -o ${user} -g ${user} ${home}
fi

if [ "$1" = configure ] || [ "$1" = abort-upgrade ] || [ "$1" = abort-deconfigure ] || [ "$1" = abort-remove ]; then
  if command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper unmask flm.service >/dev/null || true
    if deb-systemd-helper --quiet was-enabled flm.service; then
      deb-systemd-helper enable flm.service >/dev/null || true
    else
      deb-systemd-helper update-state flm.service >/dev/null || true
    fi
  fi
  if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    if [ -n "$2" ] && systemctl --quiet is-active flm.service; then
      # The running process passes its listening sockets to the new version, so no connection is refused.
      # The unit's own command asks for it, as the user of the service.
      if ! systemctl --system reload flm.service; then
        echo "flm-proxy: the service still runs the version before this one. Restart it: systemctl restart flm" >&2
      fi
    else
      deb-systemd-invoke start flm.service >/dev/null ||
        echo "flm-proxy: the service did not start. Read why: journalctl -u flm" >&2
    fi
  fi
fi
`,
  prerm: `
if [ -d /run/systemd/system ] && [ "$1" = remove ]; then
  deb-systemd-invoke stop flm.service >/dev/null || true
fi
`,
  postrm: `
if [ "$1" = remove ] && command -v deb-systemd-helper >/dev/null; then
  deb-systemd-helper mask flm.service >/dev/null || true
fi
if [ "$1" = purge ]; then
  if command -v deb-systemd-helper >/dev/null; then
    deb-systemd-helper purge flm.service >/dev/null || true
    deb-systemd-helper unmask flm.service >/dev/null || true
  fi
  if [ -d ${home} ]; then
    echo "flm-proxy: ${home} (keys, usage, certificates) and the user ${user} are kept."
    echo "flm-proxy: to delete them: rm -r ${home} && deluser --system ${user}"
  fi
fi
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
fi
`,
};
