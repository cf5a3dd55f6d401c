/**
 * Three gateways of the built program with one PostgreSQL and one Redis, behind HAProxy with the configuration of
 * docs/compose/fleet. Each gateway reaches its stores through links of its own, whose faults a test switches.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { startProgram } from '../clients/installed.ts';
import { makeCli, type Ran, type Running, type TestCli } from './cli.ts';
import { eventually } from './eventually.ts';
import { type FaultLink, startFaultLink } from './fault-link.ts';
import { freePorts } from './free-ports.ts';
import type { PostgresServer } from './postgres-server.ts';
import { testStoreKeyText } from './postgres-store.ts';
import type { RedisServer } from './redis-server.ts';
import { temporaryHome } from './temporary-store.ts';

export interface FleetNodeView {
  readonly name: string;
  readonly state: string;
  readonly behind: number;
  readonly limits: string;
}

export interface Gateway {
  readonly name: string;
  readonly cli: TestCli;
  /** Without `/v1`. */
  readonly url: string;
  readonly database: FaultLink;
  readonly limits: FaultLink;
  /** Resolves when the gateway is ready for requests. */
  start(): Promise<void>;
  /** Asks it to stop, and waits for its end. */
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** The status of a request with that key. */
  ask(key: string): Promise<number>;
}

export interface ThreeGateways {
  readonly gateways: readonly [Gateway, Gateway, Gateway];
  /** The load balancer, without `/v1`. */
  readonly url: string;
  readonly databaseUrl: string;
  /** Runs `flm` on the first machine; it must succeed. */
  run(...args: readonly string[]): Promise<Ran>;
  /** Every gateway serves, has every change, and the shared limits count. */
  settled(): Promise<void>;
  /** Ends the faults of all links. */
  endFaults(): void;
}

export interface ThreeGatewaysOptions {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly engineUrl: string;
}

export async function startThreeGateways(
  t: TestContext,
  { postgres, redis, engineUrl }: ThreeGatewaysOptions,
): Promise<ThreeGateways> {
  const databaseUrl = await postgres.database(t);
  const [balancerPort = 0, ...ports] = await freePorts(4);
  const keyFile = join(temporaryHome(t), 'store.key');
  writeFileSync(keyFile, testStoreKeyText, { mode: 0o600 });
  const make = async (port: number, index: number): Promise<Gateway> => {
    const database = await startFaultLink(postgres.port());
    const limits = await startFaultLink(redis.port);
    const through = new URL(databaseUrl);
    through.port = String(database.port);
    const name = `gateway-${index + 1}`;
    const cli = makeCli(t, {
      FLM_DATABASE_URL: through.href,
      FLM_VALKEY_URL: `redis://127.0.0.1:${limits.port}/0`,
      FLM_STORE_KEY_FILE: keyFile,
      FLM_NODE_NAME: name,
    });
    t.after(async () => {
      await Promise.all([database.close(), limits.close()]);
    });
    return gateway({ name, cli, port, database, limits, engineUrl });
  };
  const made = await Promise.all(ports.map(make));
  const [first, second, third] = made;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  await Promise.all(made.map((each) => each.start()));
  startBalancer(t, balancerPort, ports);
  const run = async (...args: readonly string[]): Promise<Ran> => {
    const ran = await first.cli.run(...args);
    assert.equal(ran.code, 0, `flm ${args.join(' ')}: ${ran.stderr}`);
    return ran;
  };
  const url = `http://127.0.0.1:${balancerPort}`;
  await eventually(
    () => statusOf(`${url}/ready`),
    (status) => status === 200,
  );
  return {
    gateways: [first, second, third],
    url,
    databaseUrl,
    run,
    async settled() {
      await eventually(
        async () => {
          const ran = await first.cli.run('proxy', 'status', '--fleet', '--json');
          return ran.code === 0 ? ran.json<{ nodes: readonly FleetNodeView[] }>().nodes : [];
        },
        (nodes) => {
          const live = nodes.filter(({ state }) => state === 'serving');
          const isWell = live.every(({ behind, limits }) => behind === 0 && limits === 'shared');
          return isWell && new Set(live.map(({ name }) => name)).size === 3;
        },
        500,
      );
    },
    endFaults() {
      for (const { database, limits } of made) {
        database.pass();
        limits.pass();
      }
    },
  };
}

interface GatewayParts extends Pick<Gateway, 'name' | 'cli' | 'database' | 'limits'> {
  readonly port: number;
  readonly engineUrl: string;
}

function gateway({ port, engineUrl, ...parts }: GatewayParts): Gateway {
  const url = `http://127.0.0.1:${port}`;
  let running: Running | undefined;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    running?.child.kill(signal);
    await running?.ended;
    running = undefined;
  };
  return {
    ...parts,
    url,
    async start() {
      const flags = ['--bind', '127.0.0.1', '--port', String(port), '--engine', engineUrl, '--grace', '20'];
      const begun = parts.cli.start('proxy', 'run', ...flags);
      running = begun;
      let isOver = false;
      void begun.ended.then(() => {
        isOver = true;
      });
      await eventually(
        () => {
          assert.ok(!isOver, `${parts.name} ended: ${begun.stderr().slice(-2_000)}`);
          return statusOf(`${url}/ready`);
        },
        (status) => status === 200,
      );
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    ask: (key) => statusOf(`${url}/v1/models`, { authorization: `Bearer ${key}` }),
  };
}

/** 0 if there is no response. */
async function statusOf(url: string, headers: Readonly<Record<string, string>> = {}): Promise<number> {
  try {
    const response = await fetch(url, { headers });
    await response.bytes();
    return response.status;
  } catch {
    return 0;
  }
}

/** HAProxy with the configuration that users get, at other addresses. */
function startBalancer(t: TestContext, port: number, ports: readonly number[]): void {
  const file = join(import.meta.dirname, '../../docs/compose/fleet/haproxy.cfg');
  const text = readFileSync(file, 'utf8')
    .replace('bind :8484', `bind 127.0.0.1:${port}`)
    .replaceAll(/(?<= )gateway-(\d):8484/g, (_all, index) => `127.0.0.1:${ports[Number(index) - 1]}`);
  const cfg = join(temporaryHome(t), 'haproxy.cfg');
  writeFileSync(cfg, text);
  startProgram(t, 'haproxy', ['-db', '-f', cfg], {
    cwd: temporaryHome(t),
    env: { PATH: process.env.PATH ?? '' },
  });
}
