/**
 * Makes the container image with buildah, from scratch: the executable, the Debian libraries that it needs, a user and
 * the folder /data. The image has no shell and no package manager.
 *
 * The archive has Docker's format, because the OCI format has no field for a health check; `docker load`, `podman load`
 * and `skopeo` read it.
 */
import {
  chmodSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { datedFiles, hasProgram, output, run } from './tools.ts';

export interface ImageOptions {
  /** For Linux x64. */
  readonly executable: string;
  readonly licences: string;
  readonly version: string;
  readonly epochSeconds: number;
  /** The path of the archive. */
  readonly target: string;
}

/** Packages of Debian whose files the executable loads, and the public CAs for programs that ask the system. */
const libraries = ['libc6', 'libgcc-s1', 'libstdc++6', 'libatomic1'] as const;

/** The same id as in distroless images: no host has a user with it. */
const userId = 65532;

const settings = {
  entrypoint: ['/usr/bin/flm'],
  command: ['proxy', 'run'],
  environment: [
    'FLM_HOME=/data',
    'PATH=/usr/bin',
    // A container has its own loopback address, so flm listens on all addresses. The container's network decides who can
    // reach the port. As variables, so that they also hold for another command, and that a variable can change them.
    'FLM_PROXY_BIND=0.0.0.0',
    'FLM_PROXY_ALLOW_INSECURE_BIND=true',
  ],
  health: ['/usr/bin/flm', 'proxy', 'status', '--check'],
};

/** Returns why no image can be made on this machine; undefined if it can. */
export function missingForImage(): string | undefined {
  if (process.getuid?.() !== 0) return 'buildah needs root here';
  const missing = ['buildah', 'apt-get', 'dpkg-deb'].filter((name) => !hasProgram(name));
  return missing.length === 0 ? undefined : `${missing.join(' and ')} cannot be found`;
}

export function makeImage({ executable, licences, version, epochSeconds, target }: ImageOptions): void {
  const work = mkdtempSync(join(tmpdir(), 'flm-image-'));
  const env = buildahIn(join(work, 'buildah'));
  const buildah = (...args: readonly string[]): string => output('buildah', args, work, env);
  try {
    const tree = makeTree(join(work, 'tree'), { executable, licences, epochSeconds });
    const container = buildah('from', 'scratch');
    // `buildah add` would make root the owner of all files.
    run('cp', ['--archive', `${tree}/.`, buildah('mount', container)], work);
    buildah('umount', container);
    buildah(
      'config',
      ...['--entrypoint', JSON.stringify(settings.entrypoint)],
      ...['--cmd', JSON.stringify(settings.command).slice(1, -1).replaceAll('","', ' ').replaceAll('"', '')],
      ...['--healthcheck', `CMD ${settings.health.join(' ')}`, '--healthcheck-interval', '30s'],
      ...['--healthcheck-timeout', '10s', '--healthcheck-start-period', '20s'],
      ...['--user', `${userId}:${userId}`, '--workingdir', '/data', '--volume', '/data'],
      ...settings.environment.flatMap((variable) => ['--env', variable]),
      ...['--port', '8484/tcp', '--stop-signal', 'SIGTERM'],
      ...['--label', `org.opencontainers.image.version=${version}`],
      ...[
        '--label',
        'org.opencontainers.image.title=flm',
        '--label',
        'org.opencontainers.image.licenses=MIT',
      ],
      ...['--arch', 'amd64', '--os', 'linux', '--created-by', 'scripts/release/image.ts', container],
    );
    buildah(
      ...['commit', '--quiet', '--format', 'docker', '--timestamp', String(epochSeconds), '--rm'],
      ...['--disable-compression=true', container, `localhost/flm:${version}`],
    );
    rmSync(target, { force: true });
    buildah('push', '--quiet', `localhost/flm:${version}`, `docker-archive:${target}:flm:${version}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Returns settings that keep buildah's storage in `folder`. */
export function buildahIn(folder: string): NodeJS.ProcessEnv {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'storage.conf');
  writeFileSync(
    file,
    `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/storage"\nrunroot = "${folder}/run"\n`,
  );
  return { BUILDAH_ISOLATION: 'chroot', STORAGE_DRIVER: 'vfs', CONTAINERS_STORAGE_CONF: file };
}

interface TreeOptions {
  readonly executable: string;
  readonly licences: string;
  readonly epochSeconds: number;
}

/** Creates the files of the image. Returns their folder. */
function makeTree(tree: string, { executable, licences, epochSeconds }: TreeOptions): string {
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  };
  addLibraries(tree);
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  cpSync(executable, join(tree, 'usr/bin/flm'));
  symlinkSync('flm', join(tree, 'usr/bin/flm-proxy'));
  put('etc/passwd', `root:x:0:0:root:/:/none\nflm:x:${userId}:${userId}:flm:/data:/none\n`);
  put('etc/group', `root:x:0:\nflm:x:${userId}:\n`);
  put('etc/nsswitch.conf', 'hosts: files dns\n');
  mkdirSync(join(tree, 'usr/share/doc/flm'), { recursive: true });
  cpSync(licences, join(tree, 'usr/share/doc/flm/LICENSES.txt'));
  mkdirSync(join(tree, 'tmp'));
  mkdirSync(join(tree, 'data'));
  // A volume gets its owner and mode from this folder, and flm refuses a data folder that other users can enter.
  chmodSync(join(tree, 'data'), 0o700);
  lchownSync(join(tree, 'data'), userId, userId);
  chmodSync(join(tree, 'tmp'), 0o1777);
  const entries = readdirSync(tree, { recursive: true, encoding: 'utf8', withFileTypes: true });
  datedFiles(
    epochSeconds,
    entries
      .filter((entry) => !entry.isSymbolicLink())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .reverse(),
  );
  return tree;
}

/** Copies the libraries that the executable loads, and their notices, from Debian's packages. */
function addLibraries(tree: string): void {
  const work = mkdtempSync(join(tmpdir(), 'flm-libraries-'));
  try {
    // apt's sandbox user may not write here.
    run('apt-get', ['-o', 'APT::Sandbox::User=root', '-qq', 'download', ...libraries], work);
    const unpacked = join(work, 'unpacked');
    for (const archive of readdirSync(work).filter((name) => name.endsWith('.deb')))
      run('dpkg-deb', ['--extract', join(work, archive), unpacked], work);
    const needed = ['libc', 'libm', 'libdl', 'libpthread', 'libresolv', 'libgcc_s', 'libstdc++', 'libatomic'];
    for (const folder of ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']) {
      const from = join(unpacked, folder);
      if (!existsSync(from)) continue;
      const to = join(tree, 'usr/lib/x86_64-linux-gnu');
      mkdirSync(to, { recursive: true });
      for (const name of readdirSync(from)) {
        const [, library] = /^(.*?)\.so\.\d+$/.exec(name) ?? [];
        // The link that programs load, as a file.
        if (library !== undefined && needed.includes(library))
          cpSync(realpathSync(join(from, name)), join(to, name));
      }
    }
    mkdirSync(join(tree, 'usr/lib64'), { recursive: true });
    const loader = 'ld-linux-x86-64.so.2';
    cpSync(realpathSync(join(unpacked, 'lib/x86_64-linux-gnu', loader)), join(tree, 'usr/lib64', loader));
    for (const folder of ['lib', 'lib64']) symlinkSync(`usr/${folder}`, join(tree, folder));
    for (const name of readdirSync(join(unpacked, 'usr/share/doc'))) {
      const notice = join(unpacked, 'usr/share/doc', name, 'copyright');
      if (existsSync(notice))
        cpSync(notice, join(tree, 'usr/share/doc', basename(name), 'copyright'), { dereference: true });
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
