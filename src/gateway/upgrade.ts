/**
 * Handles offers to switch to another protocol (RFC 9110, section 7.8). flm supports only HTTP/1.1, so it ignores an
 * offer and answers over HTTP/1.1. The JDK's HTTP client offers `h2c` with every plain request. A WebSocket handshake
 * cannot be answered that way: it gets 426, after which Codex sends the same request as a POST.
 */
import { rule } from '../core/rules.ts';
import type { Exchange, Refusal, RequestHead } from './exchange.ts';

/** A member of the list, with or without a version: `websocket`, `WebSocket/13`. */
const webSocket = /(?:^|,)[ \t]*websocket[ \t]*(?:[,/]|$)/i;
const upgradeOption = /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i;

const upgradeLine = /(?:^|\n)upgrade:/;

/** Refuses a WebSocket handshake. HTTP/1.0 has no upgrade, so the field is ignored there. */
export function refuseWebSocket(x: Exchange): Refusal | undefined {
  const offered = x.head.fields.get('upgrade');
  if (offered === undefined || x.head.version === '1.0' || !webSocket.test(offered)) return undefined;
  return { code: 'UPGRADE_REQUIRED', rule: rule('upgrade'), fields: 'upgrade: HTTP/1.1\r\n', close: true };
}

/**
 * Whether llhttp treats the bytes after this request as another protocol. It then drops the bytes that came with the
 * end of the request, so the connection cannot carry a second request.
 */
export function hidesWhatFollows(head: RequestHead): boolean {
  return head.fields.get('upgrade') !== undefined && upgradeOption.test(head.fields.get('connection') ?? '');
}

/** The `connection` value of the last response on a connection. It must name an `upgrade` field. */
export function lastConnectionValue(fields: string): string {
  return upgradeLine.test(fields) ? 'Upgrade, close' : 'close';
}
