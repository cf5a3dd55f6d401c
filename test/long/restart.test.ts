/**
 * Restarts under load. `npm run verify:long restart` makes at least 50 of them over ten minutes with 300 streams, ten of
 * them upgrades to a newer build, once over plain HTTP and once over HTTPS with ten renewals of the certificate; CI makes
 * a few. Nothing is refused, cut or wrong, and the limits hold all the time.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import OpenAI from 'openai';
import { controlClient } from '../../src/process/control-client.ts';
import { liveHandles } from '../../src/process/live-handles.ts';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { InstalledCopy } from '../helpers/installed-copy.ts';
import { moreRuns } from '../helpers/more-runs.ts';
import {
  ask,
  longStream,
  newConnections,
  pooled,
  streamBody,
  type Target,
} from '../helpers/restless-clients.ts';
import { type SteadyEngine, startSteadyEngine } from '../helpers/steady-engine.ts';

interface Proxy {
  readonly id: string;
  readonly port: number;
  readonly url: string;
  readonly state: string;
  readonly version: string;
  readonly certificate?: { readonly authorityFile?: string; readonly fingerprint: string };
}

/** In `npm run verify:long restart`. */
const isWhole = moreRuns >= 10;
const restarts = isWhole ? 50 : 3;
const streamCount = isWhole ? 300 : 20;
const streamMs = isWhole ? 600_000 : 0;
const renewals = isWhole ? 10 : 1;
const upgrades = isWhole ? 10 : 1;
/** Each fifth replacement is an upgrade, and the second one is the first of them. */
const isUpgrade = (n: number): boolean => n % 5 === 1 && n < 5 * upgrades;

interface Scene {
  readonly cli: TestCli;
  readonly installed: InstalledCopy;
  readonly engine: SteadyEngine;
  readonly proxy: Proxy;
  readonly target: Target;
  readonly single: Target;
}

async function started(t: TestContext, ...flags: readonly string[]): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'flm-installed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const installed = new InstalledCopy(join(folder, 'flm'));
  const cli = makeCli(t, {}, installed.entry);
  const engine = await startSteadyEngine({ paceMs: 200 });
  t.after(() => engine.close());
  const keyOf = async (...more: readonly string[]): Promise<string> =>
    (await cli.run('key', 'create', ...more, '--json')).json<{ key: string }>().key;
  const [key, one] = [await keyOf('laptop'), await keyOf('single', '--concurrency', '1')];
  const ran = await cli.run('proxy', 'start', '--port', '0', '--engine', engine.url, ...flags, '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const proxy = ran.json<Proxy>();
  const authority = proxy.certificate?.authorityFile;
  const ca = authority === undefined ? {} : { ca: readFileSync(authority, 'utf8') };
  const target = { url: proxy.url, key, ...ca };
  return { cli, installed, engine, proxy, target, single: { ...target, key: one } };
}

/** Replaces the process that serves by one of the same files. */
async function restart({ cli, proxy }: Scene): Promise<void> {
  const ran = await cli.run('proxy', 'restart', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.json<Proxy>().port, proxy.port);
}

/** Replaces the files by those of a newer build, and the process that serves by one of these files. */
async function upgrade({ cli, installed, proxy }: Scene): Promise<void> {
  installed.installNewer();
  const ran = await cli.run('upgrade', '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const { proxies } = (await cli.run('proxy', 'status', '--json')).json<{ proxies: readonly Proxy[] }>();
  const serving = proxies.filter(({ state }) => state === 'running');
  assert.deepEqual(
    serving.map(({ port, version }) => [port, version]),
    [[proxy.port, installed.version]],
  );
}

/** A certificate that is gone from the store is issued again. */
async function renewCertificate({ cli }: Scene): Promise<void> {
  const folder = join(cli.home, 'tls');
  for (const name of readdirSync(folder)) if (/^(leaf|named)-.*\.pem$/.test(name)) rmSync(join(folder, name));
  const handles = (await liveHandles(join(cli.home, 'run'))).filter(
    (h) => !h.draining && h.starting !== true,
  );
  const client = controlClient(handles.at(-1) ?? assert.fail('nothing serves'));
  const before = await client.status();
  await client.reload();
  const after = await client.status();
  assert.ok(before !== 'gone' && after !== 'gone');
  assert.notEqual(after.certificate?.fingerprint, before.certificate?.fingerprint);
}

for (const [name, flags] of [
  ['plain HTTP', []],
  ['HTTPS', ['--mode', 'dev-selfsigned', '--bind', '127.0.0.1', '--bind', '::1']],
] as const) {
  test(`restarts under load over ${name}`, { timeout: isWhole ? 3_000_000 : 240_000 }, async (t) => {
    const scene = await started(t, ...flags);
    const { cli, engine, target, single } = scene;
    const secure = target.ca !== undefined;
    const fresh = newConnections(t, target);
    const kept = pooled(t, target);
    const sdk = secure ? undefined : sdkRequests(t, target);
    const streams = Array.from({ length: streamCount }, () => longStream(target));
    const only = longStream(single);
    await Promise.all([fresh.more(20), kept.more(20)]);
    const untilMs = performance.now() + streamMs;

    let done = 0;
    let upgraded = 0;
    let renewed = 0;
    while (done < restarts || performance.now() < untilMs) {
      const isNewer = isUpgrade(done);
      await (isNewer ? upgrade(scene) : restart(scene));
      upgraded += isNewer ? 1 : 0;
      done += 1;
      if (secure && renewed < renewals) {
        await renewCertificate(scene);
        renewed += 1;
      }
      // The one request that the key may have runs in the first process.
      await assert.rejects(
        ask(single, { path: '/v1/chat/completions', method: 'POST', body: streamBody }),
        /status 429/,
      );
      await Promise.all([fresh.more(20), kept.more(20)]);
    }
    engine.finish();

    assert.deepEqual(await Promise.all(streams), Array(streamCount).fill(undefined));
    assert.equal(await only, undefined);
    // Its slot is free in the newest process.
    assert.equal(await longStream(single), undefined);
    const outcomes = [await fresh.stop(), await kept.stop(), await sdk?.stop()];
    for (const outcome of outcomes) assert.deepEqual(outcome?.faults ?? [], []);
    t.diagnostic(
      `${done} restarts, ${upgraded} of them upgrades, ${renewed} renewals, ${outcomes.map((o) => o?.done ?? 0).join(' + ')} requests`,
    );
    assert.equal((await cli.run('proxy', 'stop', '--all', '--grace', '5')).code, 0);
  });
}

/** The official SDK with its pooled connections, one request after the other. */
function sdkRequests(
  t: TestContext,
  { url, key }: Target,
): { stop(): Promise<{ done: number; faults: string[] }> } {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
  const faults: string[] = [];
  let done = 0;
  let isOver = false;
  const over = (async () => {
    while (!isOver) {
      try {
        for await (const model of client.models.list()) assert.equal(model.id, 'm');
      } catch (error) {
        faults.push(String(error));
      }
      done += 1;
    }
  })();
  const stop = async (): Promise<{ done: number; faults: string[] }> => {
    isOver = true;
    await over;
    return { done, faults };
  };
  t.after(stop);
  return { stop };
}
