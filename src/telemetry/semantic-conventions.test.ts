/** The names are those of the semantic conventions: compared with the package that their project generates. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { routeIds } from '../core/engine/routes.ts';
import { metricNames, names, operationOf, ownNames } from './semantic-conventions.ts';

const known: ReadonlySet<unknown> = new Set(Object.values(conventions));

test('every attribute and metric is one of the semantic conventions, or begins with flm.', () => {
  for (const name of [...Object.values(names), ...Object.values(metricNames)])
    assert.ok(known.has(name), `${name} is not in the conventions`);
  for (const name of Object.values(ownNames)) assert.match(name, /^flm\./);
});

test('every operation has a name of the conventions', () => {
  const operations = new Set(routeIds.map(operationOf).filter((name) => name !== undefined));
  assert.equal(operations.size, 3);
  for (const operation of operations) assert.ok(known.has(operation), operation);
});

test('no attribute of the conventions that holds content or an address is sent', () => {
  const sent = new Set<string>(Object.values(names));
  for (const name of [
    conventions.ATTR_GEN_AI_INPUT_MESSAGES,
    conventions.ATTR_GEN_AI_OUTPUT_MESSAGES,
    conventions.ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
    conventions.ATTR_CLIENT_ADDRESS,
    conventions.ATTR_NETWORK_PEER_ADDRESS,
    conventions.ATTR_SERVER_ADDRESS,
    conventions.ATTR_URL_FULL,
    conventions.ATTR_URL_PATH,
    conventions.ATTR_URL_QUERY,
    conventions.ATTR_USER_AGENT_ORIGINAL,
  ])
    assert.ok(!sent.has(name), name);
});
