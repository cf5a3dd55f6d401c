/**
 * flm as people run it: the built command starts a detached proxy with its own data folder, keys in the store, a
 * request rate for each key, metrics, and an access log in a file.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { openFlm } from '../src/app/flm.ts';
import { secretTools } from '../src/app/machine.ts';
import { freshSecret } from '../src/core/security/key-secret.ts';
import { core, pinned } from './machine.ts';
import { type Running, temporaryFolder } from './processes.ts';

const run = promisify(execFile);
export const flmCommand = join(import.meta.dirname, '../bin/flm.mjs');

export interface RunningFlm extends Running {
  readonly keys: readonly string[];
  readonly home: string;
  /** Over HTTPS: the CA's certificate as PEM, and the file with the server's key and certificate. */
  readonly authority?: string;
  readonly pair?: string;
}

/** Creates the keys, starts a proxy in front of the engine, and returns both. */
export async function startFlm(
  enginePort: number,
  keyCount: number,
  mode: 'local-http' | 'dev-selfsigned' = 'local-http',
  more: Readonly<Record<string, string>> = {},
): Promise<RunningFlm> {
  const folder = temporaryFolder();
  const env = { ...process.env, FLM_SETUP: 'off', FLM_HOME: join(folder.path, 'home'), ...more };
  const keys = await prepareHome(env, keyCount);
  const flm = async (on: number, ...args: readonly string[]): Promise<string> => {
    const [command = '', ...rest] = pinned(on, [process.execPath, flmCommand, ...args]);
    return (await run(command, rest, { env })).stdout;
  };
  const engine = `http://127.0.0.1:${enginePort}`;
  const started: unknown = JSON.parse(
    await flm(
      core.proxy,
      'proxy',
      'start',
      '--json',
      '--mode',
      mode,
      '--bind',
      '127.0.0.1',
      '--port',
      '0',
      '--engine',
      engine,
    ),
  );
  const { pid, port } = started as { readonly pid: number; readonly port: number };
  const certificates = join(folder.path, 'home/tls');
  return {
    name: `flm, ${keyCount} keys`,
    pid,
    port,
    keys,
    home: env.FLM_HOME,
    ...(mode === 'local-http'
      ? {}
      : {
          authority: readFileSync(join(certificates, 'authority.crt'), 'latin1'),
          pair: join(certificates, 'leaf-default.pem'),
        }),
    stop: async () => {
      await flm(core.rest, 'proxy', 'stop', '--all', '--json');
      folder.remove();
    },
  };
}

/** Returns the milliseconds from the launch of a proxy until it reported that its listener answers. */
export async function startMs(enginePort: number): Promise<number> {
  const folder = temporaryFolder();
  const env = { ...process.env, FLM_SETUP: 'off', FLM_HOME: join(folder.path, 'home') };
  const begunMs = performance.now();
  const engine = `http://127.0.0.1:${enginePort}`;
  await run(process.execPath, [flmCommand, 'proxy', 'start', '--json', '--port', '0', '--engine', engine], {
    env,
  });
  const tookMs = performance.now() - begunMs;
  await run(process.execPath, [flmCommand, 'proxy', 'stop', '--all', '--json'], { env });
  folder.remove();
  return tookMs;
}

/** Returns the milliseconds that `flm --help` takes. */
export function helpMs(): number {
  const env = { ...process.env, FLM_SETUP: 'off' };
  const begunMs = performance.now();
  spawnSync(process.execPath, [flmCommand, '--help'], { env, stdio: 'ignore' });
  return performance.now() - begunMs;
}

/**
 * Creates the first key by the command, the others in one transaction: ten thousand waits for the disk would take
 * minutes.
 */
async function prepareHome(env: NodeJS.ProcessEnv, keyCount: number): Promise<readonly string[]> {
  const flm = await openFlm({ environment: env, entry: flmCommand });
  await flm.security.setPolicy({ requestsPerMinutePerKey: 1_000_000 });
  const first = await flm.security.createKey({ label: 'bench' });
  const { home } = flm.machine.paths;
  await flm.close();
  const db = new DatabaseSync(join(home, 'flm.db'));
  const copy = db.prepare(
    `INSERT INTO api_key (id, label, digest, prefix, scopes, models, engines, endpoints, addresses, created_at)
     SELECT ?, label, ?, ?, scopes, models, engines, endpoints, addresses, created_at FROM api_key WHERE id = ?`,
  );
  const keys = [first.key];
  db.exec('BEGIN');
  while (keys.length < keyCount) {
    const { id, key, digest, prefix } = freshSecret(secretTools);
    copy.run(id, digest, prefix, first.record.id);
    keys.push(key);
  }
  db.exec('COMMIT');
  db.close();
  return keys;
}
