import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Environment } from '../environment.ts';
import { ProxyError } from '../errors.ts';
import { environmentSettings, settingVariables } from './environment-settings.ts';
import { parseProxyConfig } from './proxy-config.ts';

const files: Readonly<Record<string, string>> = { '/run/secrets/hook': 'hook --token abc\n' };
const configOf = (environment: Environment) => environmentSettings(environment, (path) => files[path]).config;

function faultsOf(environment: Environment): readonly string[] {
  try {
    configOf(environment);
  } catch (error) {
    assert.ok(error instanceof ProxyError && error.code === 'PROXY_INVALID_CONFIG');
    return error.faults.map(({ field, value, allowed }) => `${field} is ${value}; ${allowed}`);
  }
  return [];
}

test('each field has one variable, named after its path', () => {
  const names = settingVariables().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const fields = new Map(settingVariables().map(({ name, field }) => [name, field]));
  assert.equal(fields.get('FLM_PROXY_GRACE_MS'), 'graceMs');
  assert.equal(fields.get('FLM_PROXY_ACME_CA_FILE'), 'acme.caFile');
  assert.equal(fields.get('FLM_PROXY_LIMITS_MAX_BODY_BYTES'), 'limits.maxBodyBytes');
  assert.equal(fields.get('FLM_PROXY_POLICY_ALLOW_IPS'), 'policy.allowIps');
  const all: object = parseProxyConfig({ policy: {} });
  for (const name of Object.keys(all))
    assert.ok(
      [...fields.values()].some((f) => f.split('.')[0] === name),
      name,
    );
});

test('numbers, switches, lists and texts are read as their field needs them', () => {
  const config = configOf({
    FLM_PROXY_MODE: 'https-acme',
    FLM_PROXY_PORT: '8443',
    FLM_PROXY_ADMIN: 'TRUE',
    FLM_PROXY_DEMO: 'false',
    FLM_PROXY_DOMAINS: 'a.example.org, b.example.org,',
    FLM_PROXY_BIND: '["::1"]',
    FLM_PROXY_ENGINES: 'gpu-1:8000,http://gpu-2:8000',
    FLM_PROXY_ACME_EMAIL: 'me@example.org',
    FLM_PROXY_ACME_ACCEPT_TERMS: 'true',
    FLM_PROXY_LIMITS_MAX_QUEUED: '9',
    FLM_PROXY_POLICY_REQUESTS_PER_MINUTE: 'null',
    FLM_PROXY_POLICY_REQUESTS_PER_MINUTE_PER_KEY: '60',
    FLM_PROXY_HEARTBEAT_MS: '',
    PATH: '/bin',
  });
  assert.deepEqual(config, {
    mode: 'https-acme',
    port: 8443,
    admin: true,
    demo: false,
    domains: ['a.example.org', 'b.example.org'],
    bind: ['::1'],
    engines: [{ url: 'gpu-1:8000' }, { url: 'http://gpu-2:8000' }],
    acme: { email: 'me@example.org', acceptTerms: true },
    limits: { maxQueued: 9 },
    policy: { requestsPerMinute: null, requestsPerMinutePerKey: 60 },
  });
  assert.equal(parseProxyConfig(config).engines[0]?.url, 'http://gpu-1:8000');
  assert.deepEqual(
    configOf({ FLM_PROXY_ENGINES: '[{"url":"gpu:1","apiKey":{"from":"file","path":"/run/k"}}]' }),
    { engines: [{ url: 'gpu:1', apiKey: { from: 'file', path: '/run/k' } }] },
  );
});

test('a variable with _FILE names a file with the value, unless a field has that name', () => {
  assert.deepEqual(configOf({ FLM_PROXY_ACME_DNS_HOOK_FILE: '/run/secrets/hook' }), {
    acme: { dnsHook: 'hook --token abc' },
  });
  assert.deepEqual(configOf({ FLM_PROXY_CLIENT_CA_FILE: '/etc/ca.pem' }), { clientCaFile: '/etc/ca.pem' });
  assert.deepEqual(
    faultsOf({ FLM_PROXY_PORT: '1', FLM_PROXY_PORT_FILE: '/run/secrets/hook', FLM_PROXY_MODE_FILE: '/none' }),
    [
      'FLM_PROXY_MODE_FILE is "/none"; a file that flm can read',
      'FLM_PROXY_PORT_FILE is set twice; either this or FLM_PROXY_PORT',
    ],
  );
});

test('every unknown variable is an error that names similar ones', () => {
  assert.deepEqual(faultsOf({ FLM_PROXY_PROT: '1', FLM_PROXY_: 'x', FLM_PROXY_XYZ: 'secret' }), [
    'FLM_PROXY_ is an unknown variable; only the variables in docs/configuration.md',
    'FLM_PROXY_PROT is an unknown variable; FLM_PROXY_PORT',
    'FLM_PROXY_XYZ is an unknown variable; only the variables in docs/configuration.md',
  ]);
});

test('variables of a service that is named flm-proxy are not settings', () => {
  const environment = {
    FLM_PROXY_SERVICE_HOST: '10.96.0.12',
    FLM_PROXY_SERVICE_PORT: '8484',
    FLM_PROXY_SERVICE_PORT_HTTP: '8484',
    FLM_PROXY_PORT: 'tcp://10.96.0.12:8484',
    FLM_PROXY_PORT_8484_TCP: 'tcp://10.96.0.12:8484',
    FLM_PROXY_PORT_8484_TCP_PROTO: 'tcp',
    FLM_PROXY_PORT_8484_TCP_PORT: '8484',
    FLM_PROXY_PORT_8484_TCP_ADDR: '10.96.0.12',
    FLM_PROXY_ADMIN_SERVICE_HOST: '10.96.0.13',
    FLM_PROXY_ADMIN_PORT: 'tcp://10.96.0.13:80',
  };
  assert.deepEqual(configOf(environment), {});
  const names = settingVariables().map(({ name }) => name);
  for (const name of names) assert.notDeepEqual(configOf({ [name]: '1' }), {}, `${name} stays a setting`);
});
