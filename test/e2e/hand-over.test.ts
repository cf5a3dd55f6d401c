/** `flm proxy restart` of a background proxy: the new process takes over the listening sockets of the old one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { makeCli, type TestCli } from '../helpers/cli.ts';
import { longStream, newConnections, pooled, type Target } from '../helpers/restless-clients.ts';
import { type SteadyEngine, startSteadyEngine } from '../helpers/steady-engine.ts';

interface Proxy {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly state: string;
  readonly inFlight?: number;
  readonly certificate?: { readonly authorityFile?: string };
}

interface Scene {
  readonly cli: TestCli;
  readonly engine: SteadyEngine;
  readonly proxy: Proxy;
  readonly target: Target;
}

async function started(t: TestContext, ...flags: readonly string[]): Promise<Scene> {
  const cli = makeCli(t);
  const engine = await startSteadyEngine();
  t.after(() => engine.close());
  const { key } = (await cli.run('key', 'create', 'laptop', '--json')).json<{ key: string }>();
  const ran = await cli.run('proxy', 'start', '--port', '0', '--engine', engine.url, ...flags, '--json');
  assert.equal(ran.code, 0, ran.stderr);
  const proxy = ran.json<Proxy>();
  const ca = proxy.certificate?.authorityFile;
  const target = { url: proxy.url, key, ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }) };
  return { cli, engine, proxy, target };
}

async function proxies(cli: TestCli): Promise<readonly Proxy[]> {
  return (await cli.run('proxy', 'status', '--json')).json<{ proxies: readonly Proxy[] }>().proxies;
}

for (const [name, flags] of [
  ['plain HTTP', []],
  ['HTTPS', ['--mode', 'dev-selfsigned', '--bind', '127.0.0.1', '--bind', '::1']],
] as const) {
  test(`restarts over ${name} refuse no connection and cut no stream`, async (t) => {
    const { cli, engine, proxy, target } = await started(t, ...flags);
    const fresh = newConnections(t, target);
    const kept = pooled(t, target);
    const streams = Array.from({ length: 20 }, () => longStream(target));
    await Promise.all([fresh.more(20), kept.more(20)]);

    const ids = [proxy.id];
    for (let n = 0; n < 3; n++) {
      const ran = await cli.run('proxy', 'restart', '--json');
      assert.equal(ran.code, 0, ran.stderr);
      const next = ran.json<Proxy>();
      assert.equal(next.port, proxy.port);
      assert.equal(next.state, 'running');
      ids.push(next.id);
      await Promise.all([fresh.more(20), kept.more(20)]);
    }
    const during = await proxies(cli);
    engine.finish();

    assert.deepEqual(await Promise.all(streams), Array(20).fill(undefined));
    assert.deepEqual((await fresh.stop()).faults, []);
    assert.deepEqual((await kept.stop()).faults, []);
    assert.equal(new Set(ids).size, 4);
    assert.equal(during.find((p) => p.id === proxy.id)?.state, 'draining');
    assert.equal(during.find((p) => p.id === ids.at(-1))?.state, 'running');
  });
}
