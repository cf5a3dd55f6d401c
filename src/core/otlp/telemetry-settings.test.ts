import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProxyError } from '../errors.ts';
import { parseProxyConfig } from '../proxy/proxy-config.ts';
import { type TelemetrySettings, telemetrySettings } from './telemetry-settings.ts';

const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

function settingsOf(
  otlp: string | undefined,
  environment: Readonly<Record<string, string>> = {},
): TelemetrySettings | undefined {
  return telemetrySettings(otlp, {
    environment,
    readText: (path) => (path === '/ca.pem' ? certificate : undefined),
  });
}

/** The problems as one text. */
function problemsOf(otlp: string, environment: Readonly<Record<string, string>>): string {
  try {
    settingsOf(otlp, environment);
  } catch (error) {
    assert.ok(error instanceof ProxyError && error.code === 'PROXY_INVALID_CONFIG');
    return JSON.stringify(error.params);
  }
  return assert.fail('the settings were accepted');
}

test('variables that are set for other programs switch nothing on', () => {
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example',
    OTEL_TRACES_EXPORTER: 'otlp',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=secret',
  };
  assert.equal(settingsOf(undefined, environment), undefined);
  assert.equal(parseProxyConfig({}).otlp, undefined);
});

test('the profile names the server, or leaves its address to the environment', () => {
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector.example/base/' };
  assert.equal(
    settingsOf('http://127.0.0.1:4318', environment)?.tracesUrl,
    'http://127.0.0.1:4318/v1/traces',
  );
  const settings = settingsOf('environment', environment);
  assert.equal(settings?.tracesUrl, 'https://collector.example/base/v1/traces');
  assert.equal(settings?.metricsUrl, 'https://collector.example/base/v1/metrics');
  assert.match(problemsOf('environment', {}), /OTEL_EXPORTER_OTLP_ENDPOINT/);
});

test('the standard variables set name, resource, sampler, times and headers', () => {
  const settings = settingsOf('https://collector.example', {
    OTEL_SERVICE_NAME: 'llm',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=lab%20one',
    OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%2Cb, x-tenant = t ',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
    OTEL_EXPORTER_OTLP_TIMEOUT: '2000',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.1',
    OTEL_METRICS_EXPORTER: 'none',
  });
  assert.ok(settings !== undefined);
  assert.equal(settings.serviceName, 'llm');
  assert.deepEqual([...settings.resource], [['deployment.environment.name', 'lab one']]);
  assert.deepEqual(settings.headers, [
    ['api-key', 'a,b'],
    ['x-tenant', 't'],
  ]);
  assert.equal(settings.ca, certificate);
  assert.equal(settings.timeoutMs, 2000);
  assert.equal(settings.sampler, 'parentbased_traceidratio');
  assert.equal(settings.samplerRatio, 0.1);
  assert.equal(settings.metricsUrl, undefined);
  assert.equal(settingsOf('https://collector.example', { OTEL_SDK_DISABLED: 'true' }), undefined);
});

test('every problem is reported at once, and no value that may hold a credential is shown', () => {
  const problems = problemsOf('environment', {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'https://user:password-1@collector.example',
    OTEL_EXPORTER_OTLP_HEADERS: 'no-equals-secret-2',
    OTEL_RESOURCE_ATTRIBUTES: 'a=%zz-secret-3',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_TRACES_SAMPLER_ARG: '2',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/none.pem',
  });
  for (const name of ['ENDPOINT', 'HEADERS', 'RESOURCE_ATTRIBUTES', 'SAMPLER', 'SAMPLER_ARG', 'CERTIFICATE'])
    assert.match(problems, new RegExp(`OTEL_[A-Z_]*${name} is`));
  assert.doesNotMatch(problems, /password-1|secret-2|secret-3/);
});

test('a header that could split the request is refused', () => {
  for (const value of ['a=b%0d%0ax: y', 'a b=c', '=c', 'a=%00'])
    assert.match(problemsOf('https://c.example', { OTEL_EXPORTER_OTLP_HEADERS: value }), /HEADERS/, value);
});

test('credentials go to another machine over HTTPS only', () => {
  const headers = { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20secret' };
  assert.match(problemsOf('http://collector.example:4318', headers), /https:/);
  assert.match(problemsOf('http://127.0.0.1.example', headers), /https:/);
  for (const local of ['http://127.0.0.1:4318', 'http://localhost:4318', 'http://[::1]:4318'])
    assert.equal(settingsOf(local, headers)?.headers.length, 1);
  assert.equal(settingsOf('http://collector:4318')?.endpoint, 'http://collector:4318');
});

test('an address with a credential, a query or another scheme is no setting of a profile', () => {
  for (const otlp of [
    'https://user:secret@collector.example',
    'https://collector.example?key=secret',
    'https://collector.example/#a',
    'ftp://collector.example',
    'collector:4318',
    '',
  ])
    assert.throws(() => parseProxyConfig({ otlp }), ProxyError, otlp);
  for (const otlp of ['environment', 'http://collector:4318', 'https://collector.example/otlp'])
    assert.equal(parseProxyConfig({ otlp }).otlp, otlp);
});
