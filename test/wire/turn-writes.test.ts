/** A response that waits for the end of its turn of the event loop reaches its client, whatever else happens in that turn. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { AttackFixture, chatBody } from '../helpers/attack-fixture.ts';
import { answer, hold } from '../helpers/raw-engine.ts';
import { get, post, Wire } from '../helpers/test-gateway.ts';

describe('a client gets the response to its first request, although its connection then ends for', () => {
  for (const [name, more] of [
    ['bytes that are no request', () => '\0\0garbage\r\n\r\n'],
    ['CONNECT', () => 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n'],
    ['more requests than may wait', (request: string) => request.repeat(20)],
  ] as const)
    test(name, async () => {
      const fixture = await AttackFixture.open();
      try {
        const gate = Promise.withResolvers<void>();
        fixture.engine.setScript((_socket, _request, n) =>
          n === 1 ? [hold(gate.promise), answer('{"first":1}')] : [hold(new Promise(() => {}))],
        );
        const request = post('/v1/chat/completions', fixture.key, chatBody);
        const wire = await fixture.dial();
        wire.send(request);
        await fixture.engine.arrived(1);
        wire.send(request + more(request));
        // When another client has its response, these bytes are read.
        assert.equal((await fixture.ask(get('/v1/models', fixture.addKey()))).status, 200);
        gate.resolve();
        assert.match((await wire.rest()).toString('latin1'), /"first":1/);
      } finally {
        await fixture.close();
      }
    });
});

describe('with a full table of connections, while another client connects,', () => {
  const health = 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n';
  for (const [name, status, bytesFor] of [
    ['a wrong key gets its refusal', 401, () => get('/v1/models', 'wrong')],
    ['a health check gets its response', 200, () => health],
    ['a client with a key gets its response', 200, (key: string) => get('/v1/models', key)],
  ] as const)
    test(`${name}, and the other one a place`, async () => {
      const fixture = await AttackFixture.open({ config: { limits: { maxConnections: 1 } } });
      try {
        const first = await fixture.dial();
        assert.equal((await first.send(health).response()).status, 200);
        first.send(bytesFor(fixture.key));
        const second = Wire.over(connect({ port: fixture.proxy.port, host: '127.0.0.1' }));
        assert.equal((await first.response()).status, status);
        assert.equal((await second.send(health).response()).status, 200);
        second.close();
      } finally {
        await fixture.close();
      }
    });
});
