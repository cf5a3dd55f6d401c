import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rule, ruleTexts } from './rules.ts';

test('the access log names each rule as in every release since 0.1.0', () => {
  assert.deepEqual(ruleTexts, {
    guard: 'guard',
    parser: 'the HTTP parser',
    upgrade: 'upgrade',
    methods: 'the list of methods',
    hosts: 'the host list',
    draining: 'draining',
    auth: 'auth',
    key: 'key {key}',
    'foreign-tokens': 'unknown tokens beside key {key}',
    'failed-logins': 'failed logins',
    share: 'the link of a share',
    'share-transport': 'keys are handed out over HTTPS or loopback',
    'deny-ips': 'denyIps',
    'allow-ips': 'allowIps',
    'key-addresses': 'the addresses of key {key}',
    'allow-origins': 'allowOrigins',
    rate: '{whose} rate of {perMinute} a minute',
    routes: 'the route table',
    scope: 'route {route} needs scope {scope}',
    'admin-transport': 'where the admin API may be reached',
    'max-admin-bytes': 'the limit of the admin API',
    'key-endpoints': 'the endpoints of key {key}',
    'key-engines': 'the engines of the key',
    'engine-paths': 'the form of engine paths',
    'stored-ids': 'the form of ids',
    'key-models': 'the models of key {key}',
    'models-of-key': 'the models of the key',
    'engine-models': 'the models of the engine',
    catalog: 'the catalogue',
    'engine-kinds': 'the kinds of engines',
    hazard: '{kind}: would {does}',
    'content-type': 'content-type',
    'content-encoding': 'content-encoding',
    'body-scanner': 'the body scanner',
    'one-model': 'one name for the model',
    'max-body-bytes': 'maxBodyBytes',
    'min-body-rate': 'minBodyBytesPerSecond',
    'max-buffered-bytes': 'maxBufferedBytes',
    'max-streams': 'maxStreams',
    'stream-share': 'the share of one key in maxStreams: it has {held}, and {free} are free',
    concurrency: 'concurrency {limit} of key {key}',
    tokens: '{limit} tokens a {span} of key {key}',
    limiter: 'the limits of the fleet',
    'max-queued': 'maxQueued',
    'max-queue-wait': 'maxQueueWaitMs',
    engine: 'engine',
    'engine-health': 'engine health',
    'no-engine': 'no engine',
    'key-ended': 'key-ended',
    'shut-down': 'shut-down',
    cancelled: 'cancelled by the administrator',
    mistake: 'a mistake of its own',
  });
});

test('parameters are filled in as they are', () => {
  assert.equal(rule('tokens', { limit: 5, span: 'day', key: 'k1' }), '5 tokens a day of key k1');
  assert.equal(rule('hazard', { kind: 'Ollama', does: 'read $& {key}' }), 'Ollama: would read $& {key}');
  assert.equal(rule('guard'), 'guard');
});
