/**
 * What a bare clone does by itself, tried on a copy with a stand-in for npm that links this repository's packages. The
 * real `npm ci` runs in the CI, where the repository is a fresh clone.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const root = join(import.meta.dirname, '../..');

interface Clone {
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  installs(): number;
}

/** A clone whose whole program is `main`, and an npm that does `npmDoes` after it counted itself. */
function clone(t: TestContext, main: string, npmDoes = 'link();'): Clone {
  const folder = mkdtempSync(join(tmpdir(), 'flm-clone-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ['package.json', 'package-lock.json', '.npmrc', 'bin', 'scripts']) {
    cpSync(join(root, name), join(folder, name), {
      recursive: true,
      filter: (path) => !path.includes('node_modules'),
    });
  }
  mkdirSync(join(folder, 'src/cli'), { recursive: true });
  writeFileSync(join(folder, 'src/cli/main.ts'), main);
  const npm = join(folder, 'npm-cli.js');
  writeFileSync(
    npm,
    `import { appendFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
     appendFileSync('installs', 'x');
     const from = ${JSON.stringify(join(root, 'node_modules'))};
     function link() {
       mkdirSync('node_modules', { recursive: true });
       for (const name of readdirSync(from)) if (!name.startsWith('.')) symlinkSync(from + '/' + name, 'node_modules/' + name);
     }
     ${npmDoes}`,
  );
  const env: NodeJS.ProcessEnv = { ...process.env, npm_execpath: npm, FLM_LANG: 'en' };
  delete env.FLM_SETUP;
  delete env.npm_lifecycle_event;
  const counter = join(folder, 'installs');
  return { folder, env, installs: () => (existsSync(counter) ? readFileSync(counter).length : 0) };
}

/** `flm ARGS` in the clone, as the system's own Node would run it: not on the pinned one, so that it has to move. */
function flm({ folder, env }: Clone, ...args: string[]) {
  const run = spawnSync(process.execPath, [join(folder, 'bin/flm.mjs'), ...args], {
    encoding: 'utf8',
    env: { ...env, npm_lifecycle_event: 'npx' },
  });
  return { status: run.status, stdout: run.stdout, stderr: run.stderr };
}

test('a bare clone installs and builds once, says so, and then runs in silence', (t) => {
  const bare = clone(t, "console.log('hello', process.argv.slice(2).join());");

  assert.deepEqual(flm(bare, 'a', 'b'), {
    status: 0,
    stdout: 'hello a,b\n',
    stderr: 'flm set-up: installing dependencies (npm ci) ...\nflm set-up: building ...\n',
  });
  assert.deepEqual(flm(bare), { status: 0, stdout: 'hello \n', stderr: '' });
  assert.equal(bare.installs(), 1);
});

test('in a Japanese locale the set-up speaks Japanese', (t) => {
  const bare = clone(t, '');
  const env = { ...bare.env, FLM_LANG: '', LC_ALL: '', LC_MESSAGES: '', LANG: 'ja_JP.UTF-8' };

  assert.equal(
    flm({ ...bare, env }).stderr,
    'flmの準備: 依存パッケージをインストールしています（npm ci）…\nflmの準備: ビルドしています…\n',
  );
});

test('a changed source is built again, a changed test is not, a changed lockfile installs again', (t) => {
  const bare = clone(t, "console.log('old');");
  flm(bare);

  writeFileSync(join(bare.folder, 'src/cli/main.test.ts'), '');
  assert.deepEqual(flm(bare), { status: 0, stdout: 'old\n', stderr: '' });

  writeFileSync(join(bare.folder, 'src/cli/main.ts'), "console.log('new');");
  assert.deepEqual(flm(bare), { status: 0, stdout: 'new\n', stderr: 'flm set-up: building ...\n' });

  rmSync(join(bare.folder, 'node_modules'), { recursive: true });
  appendFileSync(join(bare.folder, 'package-lock.json'), '\n');
  assert.match(flm(bare).stderr, /installing/);
  assert.equal(bare.installs(), 2);
});

test('a worker thread named by URL is bundled and runs from dist', (t) => {
  const bare = clone(
    t,
    `import { Worker } from 'node:worker_threads';
     const program: URL | string = new URL('../store/worker.ts', import.meta.url);
     new Worker(program, { eval: typeof program === 'string' }).on('message', (text) => console.log(text));`,
  );
  mkdirSync(join(bare.folder, 'src/store'));
  writeFileSync(
    join(bare.folder, 'src/store/worker.ts'),
    "import { parentPort } from 'node:worker_threads'; const text: string = 'from a worker'; parentPort?.postMessage(text);",
  );

  const run = flm(bare);
  assert.equal(run.stdout, 'from a worker\n', run.stderr);
});

test('two set-ups at once do the work once', async (t) => {
  const bare = clone(t, "console.log('hello');");

  const runs = [1, 2, 3].map(async () => {
    const child = spawn(process.execPath, [join(bare.folder, 'bin/flm.mjs')], {
      env: bare.env,
      stdio: 'ignore',
    });
    return (await once(child, 'exit'))[0] as number;
  });

  assert.deepEqual(await Promise.all(runs), [0, 0, 0]);
  assert.equal(bare.installs(), 1);
});

test('a set-up that died does not block the next one', (t) => {
  const bare = clone(t, "console.log('hello');");
  const dead = spawnSync(process.execPath, ['--version']).pid;
  const host = spawnSync('hostname', { encoding: 'utf8' }).stdout.trim();
  writeFileSync(join(bare.folder, '.setup-lock'), `${host} ${dead}`);

  assert.equal(flm(bare).stdout, 'hello\n');
});

test('a failing npm ends the set-up with its message and exit code 2', (t) => {
  const bare = clone(t, '', "console.error('no such package'); process.exitCode = 1;");

  const { status, stderr } = flm(bare);

  assert.equal(status, 2);
  assert.match(stderr, /no such package\n.*npm ci failed; its own message is above\.\n$/);
});

test('an npm that runs no install scripts leaves a sentence about it', (t) => {
  const bare = clone(t, '', '');

  assert.match(flm(bare).stderr, /the pinned Node is missing: are install scripts off/);
});

test('an old Node outside a clone gets one sentence', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flm-old-'));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  const old = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.1.0'})";

  const run = spawnSync(process.execPath, ['--import', old, join(folder, 'bin/flm.mjs')], {
    encoding: 'utf8',
  });

  assert.equal(run.stderr, 'flm needs Node 24 or newer, and this is Node 20.1.0.\n');
  assert.equal(run.status, 1);
});

const waiting = `
  let signals = 0;
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {
    signals++;
    // Long enough for a second one to arrive if somebody sent it twice.
    setTimeout(() => { console.log(name + ' ' + signals); process.exit(7); }, 150);
  });
  setInterval(() => {}, 1000);
  console.log('ready');`;

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} to the outer process reaches the program once, and its exit code comes back`, async (t) => {
    const bare = clone(t, waiting);
    // A session of its own, hence no terminal: what a supervisor does.
    const child = spawn(process.execPath, [join(bare.folder, 'bin/flm.mjs')], {
      env: { ...bare.env, npm_lifecycle_event: 'start' },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    t.after(() => child.kill('SIGKILL'));
    await says(child, 'ready');

    child.kill(signal);

    const [[code]] = await Promise.all([once(child, 'exit'), says(child, `${signal} 1`)]);
    assert.equal(code, 7);
  });
}

test('a program that dies of a signal takes the outer process with it by the same signal', async (t) => {
  const bare = clone(t, "process.kill(process.pid, 'SIGKILL');");

  const child = spawn(process.execPath, [join(bare.folder, 'bin/flm.mjs')], {
    env: { ...bare.env, npm_lifecycle_event: 'start' },
    stdio: 'ignore',
  });

  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
});

const noPty = process.platform === 'linux' ? false : "util-linux's script makes the terminal";

test('Ctrl-C in a terminal under npm reaches the program once', { skip: noPty }, async (t) => {
  const bare = clone(t, waiting);
  // The real npm would install for real.
  spawnSync(process.execPath, [join(bare.folder, 'scripts/run.mjs'), '--version'], { env: bare.env });
  const terminal = spawn('script', ['-qefc', 'npm start --silent', '/dev/null'], {
    cwd: bare.folder,
    env: bare.env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => terminal.kill('SIGKILL'));
  await says(terminal, 'ready');

  terminal.stdin.write('\x03');

  await says(terminal, 'SIGINT 1');
});

/** Waits until the child has printed a line that ends in `text`. */
async function says(child: ChildProcess, text: string): Promise<void> {
  assert.ok(child.stdout);
  let seen = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    seen += String(chunk);
    // A terminal echoes ^C before it.
    if (seen.split(/\r?\n/).some((line) => line.endsWith(text))) return;
  }
  assert.fail(`expected "${text}", saw: ${seen}`);
}
