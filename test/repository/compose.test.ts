/** The compose files of docs/compose, held against the settings and ports of flm. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { environmentSettings } from '../../src/core/proxy/environment-settings.ts';

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  readonly read_only?: boolean;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const folder = join(import.meta.dirname, '../../docs/compose');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

test('there are compose files beside Ollama, llama.cpp and vLLM', () => {
  assert.deepEqual(files.sort(), ['llama-cpp.yaml', 'ollama.yaml', 'vllm.yaml']);
});

for (const file of files) {
  // A YAML error throws here.
  const { services, networks, volumes } = parse(readFileSync(join(folder, file), 'utf8')) as Compose;
  const { flm, ...engines } = services;
  const [engineName = '', ...more] = Object.keys(engines);

  test(`${file} publishes flm's port on loopback alone, and no port of the engine`, () => {
    assert.deepEqual(flm?.ports, ['127.0.0.1:8484:8484']);
    assert.deepEqual(more, []);
    assert.equal(engines[engineName]?.ports, undefined);
    assert.ok(!engines[engineName]?.networks.includes('front'));
    assert.equal(networks.engines?.internal, true);
  });

  test(`${file} gives flm the engine by its name and port in the network`, () => {
    const ports: Record<string, string> = { ollama: '11434', llama: '8080', vllm: '8000' };
    const { config } = environmentSettings(flm?.environment ?? {}, () => undefined);
    assert.deepEqual(config, { engines: [{ url: `http://${engineName}:${ports[engineName]}` }] });
    const engineCommand = engines[engineName]?.command ?? [];
    if (engineCommand.includes('--port')) assert.ok(engineCommand.includes(ports[engineName] ?? ''));
    assert.ok(flm?.networks.includes('engines') && engines[engineName]?.networks.includes('engines'));
  });

  test(`${file} keeps flm's data in a volume and its root file system read-only`, () => {
    assert.deepEqual(flm?.volumes, ['flm-data:/data']);
    assert.ok('flm-data' in volumes);
    assert.equal(flm?.read_only, true);
    for (const { networks: used } of Object.values(services))
      for (const name of used) assert.ok(name in networks, `${name} is declared`);
  });
}
