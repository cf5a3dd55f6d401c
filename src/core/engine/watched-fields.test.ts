/**
 * Every field that a hazard of any kind reads is collected by the scanner on every route on which the hazard is asked.
 * The hazards are walked: each gets facts that record what is read, with every value that could lead it further.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonScanner } from '../../gateway/body/json-scanner.ts';
import { scanPlan } from '../../gateway/body/scan-plan.ts';
import { nativeScan, routes } from '../../gateway/routes.ts';
import { defineKind } from './engine-kind.ts';
import { type EngineKindName, engineKind, engineKindNames } from './kinds.ts';
import type { EngineModel } from './probe.ts';
import type { RouteId } from './routes.ts';
import { isGiven } from './watched-fields.ts';

interface Asked {
  readonly where: string;
  readonly kind: EngineKindName;
  readonly route: RouteId;
  readonly scan: readonly string[];
}

/** Each kind with each JSON body that reaches it: the routes of the front, and its own API. */
const everywhere: readonly Asked[] = engineKindNames.flatMap((kind) => {
  const { serves, native } = engineKind(kind);
  const front = routes
    .filter((row) => row.model === 'json' && serves.has(row.id))
    .map((row) => ({ where: `${kind}: ${row.pattern}`, kind, route: row.id, scan: row.scan }));
  const own = native
    .filter((rule) => rule.model === 'json')
    .map((rule) => ({
      where: `${kind}: /engine/ID${rule.path}`,
      kind,
      route: rule.route ?? ('engine.native' as const),
      scan: routes.find((row) => row.id === rule.route)?.scan ?? nativeScan,
    }));
  return [...front, ...own];
});

class RecordedValues extends Map<string, readonly string[]> {
  readonly read = new Set<string>();
  override get(path: string): readonly string[] | undefined {
    this.read.add(path);
    return super.get(path);
  }
  override has(path: string): boolean {
    this.read.add(path);
    return super.has(path);
  }
}

const values = ['null', '0', '-1', '4096', '"x"', '"mcp"', '"5m"', '[]', '[...]', '{...}'];
const models: readonly (EngineModel | undefined)[] = [
  undefined,
  { id: 'm' },
  { id: 'm', contextLength: 4096 },
];

/** All paths that the hazard reads, whatever the others hold: with one value for all found so far, and with each pair. */
function fieldsRead(kind: EngineKindName, route: RouteId): ReadonlySet<string> {
  const known = new Set<string>();
  const ask = (given: readonly (readonly [path: string, value: string])[]): void => {
    for (const model of models) {
      const recorded = new RecordedValues(given.map(([path, value]) => [path, [value]]));
      const facts = { model: 'm', modelRange: undefined, stream: undefined, values: recorded };
      engineKind(kind).hazard(route, facts, model);
      for (const path of recorded.read) known.add(path);
    }
  };
  ask([]);
  for (let before = -1; before < known.size; ) {
    before = known.size;
    const paths = [...known];
    for (const value of values) ask(paths.map((path) => [path, value]));
    for (const one of paths)
      for (const first of values)
        for (const other of paths)
          for (const second of values)
            ask([
              [one, first],
              [other, second],
            ]);
  }
  return known;
}

test('every field that a hazard of any kind reads is collected on every route where it is asked', () => {
  const cache = new Map<string, ReadonlySet<string>>();
  let seen = 0;
  for (const { where, kind, route, scan } of everywhere) {
    const name = `${kind} ${route}`;
    const read = cache.get(name) ?? fieldsRead(kind, route);
    cache.set(name, read);
    seen += read.size;
    assert.deepEqual(
      [...read].filter((path) => !scan.includes(path)),
      [],
      where,
    );
  }
  assert.ok(seen > 200, 'the walk found what the hazards read');
});

test('every field that may name further models is collected on every route of its kind', () => {
  for (const { where, kind, scan } of everywhere)
    for (const path of engineKind(kind).furtherModels ?? [])
      assert.ok(scan.includes(path), `${where}: ${path}`);
});

test('MCP tools are refused in every form, on every route, by every kind that could run them', () => {
  const forms: readonly object[] = [
    { tools: [{ type: 'function' }, { type: 'mcp', server_url: 'http://x' }] },
    { tools: [{ type: 'MCP' }] },
    { tools: [{ type: 'mcp_toolset' }] },
    { integrations: ['mcp/playwright'] },
    { integrations: 'mcp/playwright' },
    { integrations: [{ type: 'ephemeral_mcp', server_url: 'http://x' }] },
    { mcp_servers: [{ type: 'url', url: 'http://x' }] },
    { metadata: { mcp_servers: 'fs' } },
  ];
  const idle = { tools: [], integrations: [], mcp_servers: [], metadata: { user_id: 'u' }, ttl: null };
  for (const { where, kind, route, scan } of everywhere) {
    const does = (body: object): string | undefined => {
      const scanner = new JsonScanner(scanPlan(scan));
      const question = { model: 'm', messages: [{}], prompt: 'x', input: 'x' };
      const bytes = Buffer.from(JSON.stringify({ ...question, ...body }));
      assert.equal(scanner.write(bytes, 0, bytes.length), undefined);
      assert.equal(scanner.end(), undefined);
      return engineKind(kind).hazard(route, scanner.facts(), { id: 'm' })?.does;
    };
    assert.equal(does(idle), undefined, where);
    // The demo engine runs nothing, and showing a model asks it nothing.
    if (kind === 'demo' || route === 'ollama.show') continue;
    for (const form of forms)
      assert.match(does(form) ?? 'nothing', /run (MCP )?tools/, `${where} ${JSON.stringify(form)}`);
  }
});

test('a hazard that reads a field that its kind does not watch does not compile', () => {
  const kind = defineKind({
    ...engineKind('openai-compatible'),
    name: 'made-up',
    watches: [{ fields: ['ttl'] }],
    detection: { ports: [], asks: [{ path: '/own' }], recognise: () => undefined },
    // @ts-expect-error: only `ttl` is watched. The static checks fail where this line compiles.
    hazard: (_route, facts) => (isGiven(facts, 'integrations') ? { does: 'x' } : undefined),
  });
  assert.equal(kind.name, 'made-up');
});
