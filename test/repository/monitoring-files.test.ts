/** The alert rules and the Grafana dashboard use metrics and labels that flm has, and miss none that needs an alert. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { Metrics } from '../../src/observe/metrics.ts';

const root = join(import.meta.dirname, '../..');
const read = (name: string): string => readFileSync(join(root, 'docs/observability', name), 'utf8');

const metrics = new Metrics(() => {
  throw new Error('a description reads nothing');
}).described();
/** The labels of each series that Prometheus sees. Prometheus itself adds `job` and `instance`. */
const labelsOf = new Map<string, ReadonlySet<string>>();
for (const { name, type, labelNames } of metrics) {
  const labels = new Set([...labelNames, 'job', 'instance']);
  labelsOf.set(name, labels);
  if (type === 'histogram') {
    labelsOf.delete(name);
    for (const suffix of ['bucket', 'sum', 'count'])
      labelsOf.set(`${name}_${suffix}`, new Set([...labels, 'le']));
  }
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}
interface Panel {
  readonly title: string;
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

const { groups } = parse(read('flm-alerts.yaml')) as { groups: readonly { rules: readonly Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(read('flm-dashboard.json')) as { readonly panels: readonly Panel[] };

/** What is wrong with an expression: unknown series, and labels that no series in it has. */
function faultsOf(expr: string): readonly string[] {
  const series = [...expr.matchAll(/\bflm_[a-z0-9_]+/g)].map(([name]) => name);
  const faults = series.filter((name) => !labelsOf.has(name)).map((name) => `there is no ${name}`);
  if (series.length === 0 && !/^up\{/.test(expr)) faults.push('it uses no metric of flm');
  const labels = new Set([...series.flatMap((name) => [...(labelsOf.get(name) ?? [])]), 'job']);
  const matched = [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = '']) =>
    [...inside.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  );
  const grouped = [...expr.matchAll(/\b(?:by|without|on)\s*\(([^)]*)\)/g)].flatMap(([, inside = '']) =>
    inside.split(',').map((label) => label.trim()),
  );
  return [
    ...faults,
    ...[...matched, ...grouped].filter((label) => !labels.has(label)).map((l) => `no label ${l}`),
  ];
}

test('every alert uses metrics and labels that flm has, and says what to do', () => {
  assert.ok(rules.length >= 15, `${rules.length} alerts`);
  for (const { alert, expr, labels, annotations } of rules) {
    assert.deepEqual(faultsOf(expr), [], alert);
    assert.match(alert, /^Flm[A-Za-z]+$/);
    assert.match(labels.severity, /^(warning|critical)$/);
    assert.ok(annotations.summary !== '' && annotations.description !== '', alert);
  }
});

test('every command that an alert names exists', () => {
  const cli = readFileSync(join(root, 'docs/cli.md'), 'utf8');
  const commands = [...read('flm-alerts.yaml').matchAll(/`(flm [a-z]+(?: [a-z]+)?)/g)].map(
    ([, name = '']) => name,
  );
  assert.ok(commands.length > 8, `${commands.length} commands`);
  for (const name of commands) assert.match(cli, new RegExp(`^#+ ${name}$`, 'm'), name);
});

test('every panel of the dashboard uses metrics and labels that flm has, and its legend names labels of its result', () => {
  assert.ok(dashboard.panels.length >= 15);
  for (const { title, targets } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      assert.deepEqual(faultsOf(expr), [], `${title}: ${expr}`);
      const legend = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
      const kept = /\bby \(([^)]*)\)/
        .exec(expr)?.[1]
        ?.split(',')
        .map((label) => label.trim());
      for (const label of legend)
        assert.ok(kept === undefined || kept.includes(label), `${title}: ${label} is not in the result`);
    }
  }
});

test('no two panels of the dashboard overlap, and none is wider than the page', () => {
  const taken = new Map<string, string>();
  for (const { title, gridPos } of dashboard.panels) {
    assert.ok(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.equal(taken.get(`${x} ${y}`), undefined, `${title} overlaps`);
        taken.set(`${x} ${y}`, title);
      }
  }
});

test('a wrong metric or label would be noticed', () => {
  assert.deepEqual(faultsOf('flm_no_such_total > 0'), ['there is no flm_no_such_total']);
  assert.deepEqual(faultsOf('sum by (model) (flm_connections{engin="a"})'), [
    'no label engin',
    'no label model',
  ]);
  assert.deepEqual(faultsOf('flm_first_byte_seconds > 1'), ['there is no flm_first_byte_seconds']);
});

test('alerts and dashboard go along in the package', () => {
  assert.ok(packageJson.files.includes('docs/observability'));
});
