/**
 * A TCP relay without any policy, over TLS if it has a certificate: what Node itself costs a proxy. It passes bytes on as they come
 * and limits nothing, so it is no program for use. It is JavaScript, because loading TypeScript costs memory and time.
 *
 *   node relay.mjs PORT ENGINE_PORT [PAIR SUITES]     PAIR: the file with the server's key and certificate, as PEM
 */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import process from 'node:process';

const [port, enginePort, pair, ciphers] = process.argv.slice(2);

/** @param {import('node:net').Socket} client */
function relay(client) {
  /** @type {import('node:net').Socket | undefined} */
  let engine;
  client.setNoDelay(true);
  client.on('error', () => client.destroy());
  client.on('close', () => engine?.destroy());
  client.on('data', (bytes) => {
    // Not before: a handshake without a request needs no engine.
    engine ??= connectFor(client);
    engine.write(bytes);
  });
}

/** @param {import('node:net').Socket} client */
function connectFor(client) {
  const engine = connect({ host: '127.0.0.1', port: Number(enginePort), noDelay: true });
  engine.on('error', () => engine.destroy());
  engine.on('close', () => client.destroy());
  engine.on('data', (bytes) => client.write(bytes));
  return engine;
}

async function listener() {
  if (pair === undefined) return createServer(relay);
  const tls = await import('node:tls');
  const pem = readFileSync(pair);
  return tls.createServer({ key: pem, cert: pem, ciphers, ALPNProtocols: ['http/1.1'] }, relay);
}

(await listener()).listen({ host: '127.0.0.1', port: Number(port), backlog: 4096 });
