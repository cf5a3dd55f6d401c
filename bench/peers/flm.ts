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
import packageJson from '../../package.json' with { type: 'json' };
import { openFlm } from '../../src/app/flm.ts';
import { secretTools } from '../../src/app/machine.ts';
import { freshSecret } from '../../src/core/security/key-secret.ts';
import { freePort } from '../../test/helpers/free-ports.ts';
import { core, type everyCore, pinned } from '../machine.ts';
import { type Running, temporaryFolder } from '../processes.ts';
import type { Peer, Prepared, Setup } from './peer.ts';

const run = promisify(execFile);
export const flmCommand = join(import.meta.dirname, '../../bin/flm.mjs');

export const flm: Peer = {
  name: 'flm',
  lacks: [],
  perSecond: 25_000,
  tls: true,
  manyKeys: true,
  version: () => packageJson.version,
  prepare: (setup) => prepareFlm(setup),
};

/** `more`: environment variables of the proxy. */
export async function prepareFlm(
  { engines, keyCount, tls }: Setup,
  more: Readonly<Record<string, string>> = {},
): Promise<Prepared & { readonly home: string }> {
  const folder = temporaryFolder();
  const home = join(folder.path, 'home');
  // 4,096 connections by default; the part `memory` has 5,000.
  const limits = { FLM_PROXY_LIMITS_MAX_CONNECTIONS: '8192' };
  // An additional CA of this machine would be read by each start of Node.
  const here = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };
  const env = { ...here, FLM_SETUP: 'off', FLM_HOME: home, ...limits, ...more };
  const keys = await prepareHome(env, keyCount);
  const port = await freePort();
  const flm = async (on: number | typeof everyCore, ...args: readonly string[]): Promise<string> => {
    const [command = '', ...rest] = pinned(on, [process.execPath, flmCommand, ...args]);
    return (await run(command, rest, { env })).stdout;
  };
  const mode = tls === undefined ? 'local-http' : 'dev-selfsigned';
  const listening = ['--mode', mode, '--bind', '127.0.0.1', '--port', String(port)];
  let pid = 0;
  const certificate = (): { authority: string; pair: string } => ({
    authority: readFileSync(join(home, 'tls/authority.crt'), 'latin1'),
    pair: join(home, 'tls/leaf-default.pem'),
  });
  return {
    home,
    address: { port, keys },
    launch: async (on = core.proxy) => {
      const urls = engines.flatMap((engine) => ['--engine', `http://127.0.0.1:${engine}`]);
      const started: unknown = JSON.parse(await flm(on, 'proxy', 'start', '--json', ...listening, ...urls));
      pid = (started as { readonly pid: number }).pid;
    },
    pid: () => pid,
    ...(tls === undefined ? {} : { certificate }),
    stop: async () => {
      await flm(core.rest, 'proxy', 'stop', '--all', '--json');
      folder.remove();
    },
  };
}

export interface RunningFlm extends Running {
  readonly keys: readonly string[];
  readonly home: string;
}

/** Creates the keys, starts a proxy in front of the engine, and returns both. */
export async function startFlm(enginePort: number, keyCount: number): Promise<RunningFlm> {
  const { address, home, launch, pid, stop } = await prepareFlm({ engines: [enginePort], keyCount });
  await launch();
  return { name: `flm, ${keyCount} keys`, pid: pid(), port: address.port, keys: address.keys, home, stop };
}

/** Returns the milliseconds that `flm --help` takes. */
export function helpMs(): number {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: undefined, FLM_SETUP: 'off' };
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
