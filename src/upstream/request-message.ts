/**
 * The bytes of one request to an engine: the caller's head plus the fields that belong to the connection. flm writes
 * its own `host`, never the client's, and always a length, never chunks, so that the engine cannot disagree about the
 * length.
 *
 * Text that would change the meaning of the head is a broken invariant: an early empty line ends the head, and a
 * character outside Latin-1 loses its upper byte, which can produce a CR LF.
 */
import assert from 'node:assert/strict';
import type { EngineAddress } from '../core/engine/engine.ts';
import type { Attempt } from '../core/engine/upstream.ts';

export interface RequestMessage {
  readonly head: string;
  readonly body: readonly Buffer[];
  readonly bodyLength: number;
}

/** Costs nothing for valid text: V8 knows that this pattern cannot match a one-byte string. */
const beyondLatin1 = /[^\0-\xff]/;

export function composeRequest(attempt: Attempt, hostField: string): RequestMessage {
  const { method, body, bodyLength } = attempt;
  assert(attempt.head.endsWith('\r\n'), 'the head of a request ends in CRLF');
  assert(sizeOf(body) === bodyLength, 'the body of a request is as long as it says');
  // RFC 9110, section 8.6: a method that anticipates a body declares a length of 0 without one.
  const silent = bodyLength === 0 && method !== 'POST' && method !== 'PUT' && method !== 'PATCH';
  const lengthField = silent ? '' : `content-length: ${bodyLength}\r\n`;
  const head = `${attempt.head}${hostField}${lengthField}\r\n`;
  assert(head.indexOf('\r\n\r\n') === head.length - 4, 'the head of a request has no empty line');
  assert(!beyondLatin1.test(head), 'the head of a request is Latin-1');
  return { head, body, bodyLength };
}

/** RFC 9110, section 7.2. Engines on loopback check `Host`, so flm sends the value that a local client would send. */
export function hostFieldOf(address: EngineAddress): string {
  if (address.socketPath !== undefined) return 'host: localhost\r\n';
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return address.port === (address.tls ? 443 : 80)
    ? `host: ${host}\r\n`
    : `host: ${host}:${address.port}\r\n`;
}

function sizeOf(body: readonly Buffer[]): number {
  let size = 0;
  for (const part of body) size += part.length;
  return size;
}
