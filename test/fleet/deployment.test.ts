/**
 * The files with which people deploy a fleet: the compose file with its HAProxy, and the Helm chart. HAProxy, Helm and
 * the schemas of Kubernetes judge them; without a program its test is skipped. `FLM_TEST_HELM` names the folder that
 * install-helm.sh made.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { parseConfigurationFile } from '../../src/core/configuration/configuration-file.ts';
import { environmentSettings } from '../../src/core/proxy/environment-settings.ts';
import { storeSettings } from '../../src/core/store-settings.ts';
import { needsHaproxy } from '../clients/installed.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'docs/compose/fleet');
const chart = join(root, 'charts/flm');

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly volumes?: readonly string[];
  readonly secrets?: readonly string[];
  readonly read_only?: boolean;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const compose = parse(readFileSync(join(folder, 'compose.yaml'), 'utf8'), { merge: true }) as Compose;
const gateways = Object.entries(compose.services).filter(([name]) => name.startsWith('gateway-'));

test('the compose file publishes the port of the balancer on loopback, and no other', () => {
  for (const [name, { ports }] of Object.entries(compose.services))
    assert.deepEqual(ports, name === 'balancer' ? ['127.0.0.1:8484:8484'] : undefined, name);
  assert.equal(compose.networks.stores?.internal, true);
  assert.deepEqual(compose.services.balancer?.networks, ['front']);
  for (const store of ['postgres', 'redis']) assert.deepEqual(compose.services[store]?.networks, ['stores']);
});

test('the compose file gives three gateways an engine, the same stores by secret files, and each a name and a volume', () => {
  assert.equal(gateways.length, 3);
  for (const [name, { environment = {}, volumes, secrets = [], read_only }] of gateways) {
    assert.deepEqual(volumes, [`${name}:/data`]);
    assert.ok(name in compose.volumes);
    assert.equal(read_only, true);
    for (const secret of secrets) assert.ok(secret in compose.secrets, secret);
    const texts: Readonly<Record<string, string>> = {
      '/run/secrets/database-url': 'postgres://flm:secret@postgres/flm?tls=off',
      '/run/secrets/valkey-url': 'redis://:secret@redis/0?tls=off',
    };
    const settings = storeSettings({ environment, hostname: 'x', readText: (path) => texts[path] });
    assert.equal(settings.database?.host, 'postgres');
    assert.equal(settings.valkey?.host, 'redis');
    assert.equal(settings.storeKeyFile, '/run/secrets/store-key');
    assert.equal(settings.nodeName, name);
    const { variables } = environmentSettings(environment, () => undefined);
    assert.deepEqual([...variables.keys()], ['engines']);
    for (const file of [...Object.keys(texts), '/run/secrets/store-key'])
      assert.ok(secrets.includes(file.slice('/run/secrets/'.length)), `${file} is mounted`);
  }
});

test('HAProxy accepts its configuration, which names the gateways of the compose file', needsHaproxy, (t) => {
  const text = readFileSync(join(folder, 'haproxy.cfg'), 'utf8');
  const servers = [...text.matchAll(/^ {4}server (\S+) (\S+)$/gm)];
  assert.deepEqual(
    servers.map(([, , address]) => address),
    gateways.map(([name]) => `${name}:8484`),
  );
  const work = mkdtempSync(join(tmpdir(), 'flm-haproxy-'));
  t.after(() => rmSync(work, { recursive: true, force: true }));
  // Outside of the network of containers their names have no address.
  const file = join(work, 'haproxy.cfg');
  writeFileSync(file, text.replaceAll(/(?<= )gateway-\d:8484/g, '127.0.0.1:8484'));
  const { status, stderr } = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /WARNING/);
});

const tools = process.env.FLM_TEST_HELM;
const needsHelm =
  tools !== undefined && existsSync(join(tools, 'helm'))
    ? {}
    : { skip: 'Helm is not there; install-helm.sh builds it' };
const helm = (...args: readonly string[]): string =>
  execFileSync(join(tools ?? '', 'helm'), args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const render = (...settings: readonly string[]): string =>
  helm(
    ...['template', 'gw', chart, '--namespace', 'llm', '--kube-version', '1.34'],
    ...settings.flatMap((setting) => ['--set', setting]),
  );

test('Helm accepts the chart without a warning', needsHelm, () => {
  assert.match(helm('lint', '--strict', chart, '--set', 'stores.secret=s'), /0 chart\(s\) failed/);
});

test('the chart needs the secret of the stores, and refuses an unknown value', needsHelm, () => {
  assert.throws(() => render(), /stores\.secret is required/);
  assert.throws(() => render('stores.secret=s', 'stores.valkeyOutage=maybe'), /must be one of/);
  assert.throws(() => render('stores.secret=s', 'replicas=4'), /replicas/);
});

test('the objects of the chart follow the schemas of Kubernetes 1.30 and 1.37', needsHelm, (t) => {
  const work = mkdtempSync(join(tmpdir(), 'flm-chart-'));
  t.after(() => rmSync(work, { recursive: true, force: true }));
  const file = join(work, 'objects.yaml');
  writeFileSync(
    file,
    render(
      ...['stores.secret=s', 'engines[0]=http://ollama:11434', 'ingress.enabled=true'],
      ...[
        'ingress.host=llm.example.org',
        'ingress.tlsSecret=certificate',
        'podLabels.team=a',
        'extraArgs[0]=--demo',
      ],
      ...['extraEnv[0].name=A', 'extraEnv[0].value=b', 'nodeSelector.a=b', 'podAnnotations.a=b'],
    ),
  );
  for (const version of ['1.30', '1.37']) {
    const validate = join(tools ?? '', 'python/bin/kubernetes-validate');
    const { status, stdout, stderr } = spawnSync(validate, ['--strict', '-k', version, file], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
  }
});

test(
  'the chart applies a configuration file with the rights of a gateway, and only if there is one',
  needsHelm,
  (t) => {
    const work = mkdtempSync(join(tmpdir(), 'flm-chart-'));
    t.after(() => rmSync(work, { recursive: true, force: true }));
    const values = join(work, 'values.yaml');
    const configuration = {
      keys: [{ label: 'ci', secret: { from: 'file', path: '/run/secrets/flm/ci-key' } }],
      aliases: { 'gpt-4o': 'qwen3' },
    };
    writeFileSync(
      values,
      JSON.stringify({ configuration, firstAdminKey: true, stores: { secret: 'flm-stores' } }),
    );
    const rendered = (...more: readonly string[]): string =>
      helm(
        ...['template', 'gw', chart, '--namespace', 'llm', '--kube-version', '1.34', '--values', values],
        ...more,
      );
    const text = rendered();
    const objects = parseAllDocuments(text).map((document) => document.toJS());
    const [map, job, gateway] = ['ConfigMap', 'Job', 'Deployment'].map((kind) =>
      objects.find((object) => object?.kind === kind),
    );
    assert.deepEqual(parseConfigurationFile(parse(map.data['flm.yaml'])).aliases, configuration.aliases);
    const [apply] = job.spec.template.spec.containers;
    const [serve] = gateway.spec.template.spec.containers;
    assert.deepEqual(apply.args, ['apply', '--file', '/etc/flm/flm.yaml', '--prune', '--yes']);
    assert.deepEqual(apply.securityContext, serve.securityContext);
    assert.deepEqual(job.spec.template.spec.securityContext, gateway.spec.template.spec.securityContext);
    // The gateways are found by their labels.
    const { matchLabels } = gateway.spec.selector;
    const labels = job.spec.template.metadata.labels;
    assert.ok(Object.entries(matchLabels).some(([name, value]) => labels[name] !== value));
    const names = serve.env.map(({ name }: { readonly name: string }) => name);
    assert.ok(names.includes('FLM_ADMIN_KEY_FILE') && names.includes('FLM_PROXY_ADMIN'));
    // The pod of a job cannot be changed, so another value makes another job.
    const nameOf = (yaml: string): string => /^ {2}name: (gw-flm-apply-\w{10})$/m.exec(yaml)?.[1] ?? '';
    assert.equal(nameOf(rendered()), job.metadata.name);
    assert.notEqual(nameOf(rendered('--set', 'image.tag=next')), job.metadata.name);
    const file = join(work, 'objects.yaml');
    writeFileSync(file, text);
    const validate = join(tools ?? '', 'python/bin/kubernetes-validate');
    const { status, stdout, stderr } = spawnSync(validate, ['--strict', '-k', '1.37', file], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(render('stores.secret=s'), /ConfigMap|kind: Job|FLM_ADMIN_KEY_FILE/);
  },
);

test('gateways of the chart run as a user without rights, and get secrets as files', needsHelm, () => {
  const objects = parseAllDocuments(render('stores.secret=flm-stores')).map((document) => document.toJS());
  const deployment = objects.find(({ kind }) => kind === 'Deployment');
  const pod = deployment.spec.template.spec;
  const [container] = pod.containers;
  assert.equal(pod.securityContext.runAsNonRoot, true);
  assert.deepEqual(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  });
  assert.equal(container.livenessProbe.httpGet.path, '/health');
  assert.equal(container.readinessProbe.httpGet.path, '/ready');
  const grace = Number(container.args[container.args.indexOf('--grace') + 1]);
  const { seconds } = container.lifecycle.preStop.sleep;
  assert.ok(pod.terminationGracePeriodSeconds > seconds + grace);
  const values: readonly { name: string; value?: string }[] = container.env;
  const environment = Object.fromEntries(values.map(({ name, value }) => [name, value ?? '']));
  const settings = storeSettings({
    environment: { ...environment, FLM_NODE_NAME: 'gw-flm-6c5f9d8b7-abcde' },
    hostname: 'x',
    readText: (path) =>
      path.endsWith('/database-url')
        ? 'postgres://flm:secret@db.example/flm'
        : 'rediss://:secret@valkey.example',
  });
  assert.equal(settings.storeKeyFile, '/run/secrets/flm/store-key');
  assert.ok(!JSON.stringify(deployment).includes('secret@'));
});

test('the chart has the version of flm', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const about = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as Record<string, string>;
  assert.deepEqual([about.version, about.appVersion], [version, version]);
});
