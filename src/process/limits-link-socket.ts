/**
 * Carries a limits link over the control socket of the newest process: an HTTP upgrade, then one JSON message per line.
 * The first line of the draining process is `{"link": ID}`. If nothing is held for that process, the connection is
 * closed.
 */
import { type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { LinkReceiver } from '../core/security/limits-authority.ts';
import type { DialLink, LinkConnection, LinkListener, LinkPlace } from '../core/security/limits-link.ts';
import { controlHost, nonceField } from './control-socket.ts';
import { isRecord } from './wire-error.ts';

export const limitsLinkPath = '/limits-link';
const protocol = 'flm-limits';
/**
 * A message has a few hundred bytes. A larger message is invalid, and a reader with a longer backlog has stopped
 * reading.
 */
const maxLineBytes = 256 * 1024;
const maxUnsentBytes = 16 * 1024 ** 2;
const connectMs = 2_000;

/** Undefined if nothing is held for that process. */
export type ConnectLink = (id: string, connection: LinkConnection) => LinkReceiver | undefined;

/** Answers an upgrade request on the control socket. */
export function acceptLimitsLink(
  asked: IncomingMessage,
  socket: Duplex,
  nonce: string,
  connect: ConnectLink,
): void {
  socket.on('error', () => {});
  const known = asked.headers[nonceField] === nonce && asked.headers.upgrade === protocol;
  if (asked.url !== limitsLinkPath || !known) {
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    return;
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${protocol}\r\n${nonceField}: ${nonce}\r\n\r\n`,
  );
  let receiver: LinkReceiver | undefined;
  readMessages(socket, {
    opened: () => {},
    message: (message) => {
      if (receiver !== undefined) return receiver.receive(message);
      if (isRecord(message) && typeof message.link === 'string')
        receiver = connect(message.link, connectionOver(socket));
      // Data that was sent before the other side closed, such as a `move`, is still delivered.
      if (receiver === undefined) socket.end();
    },
    closed: () => receiver?.closed(),
  });
}

/** Connects to the newest process. */
export const dialLimitsLink: DialLink = ({ controlPath, nonce }: LinkPlace, listener: LinkListener) => {
  let socket: Duplex | undefined;
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    listener.closed();
  };
  const asked = request({
    socketPath: controlPath,
    agent: false,
    path: limitsLinkPath,
    timeout: connectMs,
    headers: { host: controlHost, connection: 'Upgrade', upgrade: protocol, [nonceField]: nonce },
  });
  asked.on('error', end);
  asked.on('timeout', () => asked.destroy());
  asked.on('close', () => {
    if (socket === undefined) end();
  });
  // An older flm answers with 404.
  asked.on('response', (response) => response.destroy());
  asked.on('upgrade', (response, opened, head: Buffer) => {
    socket = opened;
    opened.on('error', () => {});
    opened.setTimeout(0);
    if (isOver || response.headers[nonceField] !== nonce) {
      opened.destroy();
      return end();
    }
    readMessages(opened, { ...listener, closed: end }, head);
    listener.opened();
  });
  asked.end();
  return {
    send(message) {
      if (socket !== undefined) connectionOver(socket).send(message);
    },
    close() {
      isOver = true;
      asked.destroy();
      socket?.destroy();
    },
  };
};

function connectionOver(socket: Duplex): LinkConnection {
  return {
    send(message) {
      if (socket.destroyed) return;
      socket.write(`${JSON.stringify(message)}\n`);
      if (socket.writableLength > maxUnsentBytes) socket.destroy();
    },
    close() {
      socket.destroy();
    },
  };
}

function readMessages(socket: Duplex, listener: LinkListener, head?: Buffer): void {
  let rest = '';
  // Sockets of an HTTP server do not support setEncoding.
  const decoder = new StringDecoder('utf8');
  socket.on('data', (bytes: Buffer) => {
    const lines = (rest + decoder.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLineBytes) socket.destroy();
    for (const line of lines) {
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        socket.destroy();
        return;
      }
      listener.message(message);
    }
  });
  socket.on('end', () => socket.destroy());
  socket.on('close', () => listener.closed());
  if (head !== undefined && head.length > 0) socket.unshift(head);
}
