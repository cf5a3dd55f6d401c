/**
 * A TCP relay without any policy, over TLS if it has a certificate: what Node itself costs a proxy. It passes bytes on as they come
 * and limits nothing, so it is no program for use.
 *
 *   node relay.ts PORT ENGINE_PORT [PAIR]     PAIR: the file with the server's key and certificate, as PEM
 */
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import process from 'node:process';
import { createServer as createTlsServer } from 'node:tls';
import { suites } from '../src/gateway/tls-listener.ts';

const [port, enginePort, pair] = process.argv.slice(2);

function relay(client: Socket): void {
  let engine: Socket | undefined;
  client.setNoDelay(true);
  client.on('error', () => client.destroy());
  client.on('close', () => engine?.destroy());
  client.on('data', (bytes) => {
    // Not before: a handshake without a request needs no engine.
    engine ??= connectFor(client);
    engine.write(bytes);
  });
}

function connectFor(client: Socket): Socket {
  const engine = connect({ host: '127.0.0.1', port: Number(enginePort), noDelay: true });
  engine.on('error', () => engine.destroy());
  engine.on('close', () => client.destroy());
  engine.on('data', (bytes) => client.write(bytes));
  return engine;
}

const pem = pair === undefined ? undefined : readFileSync(pair);
const server =
  pem === undefined
    ? createServer(relay)
    : createTlsServer({ key: pem, cert: pem, ciphers: suites.join(':'), ALPNProtocols: ['http/1.1'] }, relay);
server.listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 });
