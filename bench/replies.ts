/**
 * Reads one whole reply of each kind from a target and checks that nothing of the engine's answer is missing. Gateways may
 * write JSON again, so members are compared, not bytes. Returns the last bytes of each kind of reply, by which the load
 * recognizes a complete one.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Target, TargetAddress } from './load.ts';

const hello = { role: 'user', content: 'hello' };
const lastChunk = '\r\n0\r\n\r\n';

export async function checkReplies(name: string, address: TargetAddress): Promise<Target> {
  const json = await ask(address, {});
  assert.equal(json.response.statusCode, 200, `${name} answers ${json.text}`);
  assert.ok(
    json.text.includes('word '.repeat(50)) && json.text.includes('"total_tokens"'),
    `${name} changed ${json.text}`,
  );
  const stream = await ask(address, { stream: true, max_tokens: 7, user: 'burst' });
  const events = stream.text.split('\n\n').filter((event) => event.startsWith('data: '));
  assert.ok(
    events.filter((event) => event.includes('hello and some more words')).length === 7,
    `${name} changed ${stream.text}`,
  );
  assert.equal(events.at(-1), 'data: [DONE]');
  return { ...address, name, tails: { json: tailOf(json), stream: tailOf(stream) } };
}

/** Resolves when a target answers a request, in at most two minutes. Asks again every 2 ms until it listens. */
export async function firstAnswer(address: TargetAddress): Promise<void> {
  const latestMs = performance.now() + 120_000;
  for (;;) {
    try {
      const { response, text } = await ask(address, {});
      if (response.statusCode === 200) return;
      if (performance.now() > latestMs) throw new Error(`no answer but ${response.statusCode} ${text}`);
    } catch (error) {
      if (performance.now() > latestMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Resolves when something listens on a port, in at most two minutes. */
export async function listens(port: number): Promise<void> {
  const latestMs = performance.now() + 120_000;
  for (;;) {
    const socket = connect({ host: '127.0.0.1', port });
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > latestMs) throw error;
    } finally {
      socket.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Reply {
  readonly response: IncomingMessage;
  readonly text: string;
}

async function ask(address: TargetAddress, body: object): Promise<Reply> {
  const send = address.authority === undefined ? plainRequest : tlsRequest;
  const sent = send({
    host: '127.0.0.1',
    port: address.port,
    path: address.path ?? '/v1/chat/completions',
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${address.keys[0] ?? ''}`,
      ...address.headers,
    },
    ...(address.authority === undefined ? {} : { ca: address.authority, servername: 'localhost' }),
  });
  sent.end(JSON.stringify({ model: address.model ?? 'bench', ...body, messages: [hello] }));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { response, text: Buffer.concat(await response.toArray()).toString() };
}

function tailOf({ response, text }: Reply): Buffer {
  // A chunk may begin anywhere, but the last one has a fixed end.
  const chunked = response.headers['transfer-encoding'] === 'chunked';
  return Buffer.from(chunked ? lastChunk : text.slice(-16), 'latin1');
}
