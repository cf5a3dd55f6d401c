/**
 * Parses bytes with Node's own HTTP parser: the reference for the requests that FastPathParser accepts.
 */
import { createServer, type Server } from 'node:http';
import { Duplex } from 'node:stream';

export interface ParsedRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** Name, value, name, value ... */
  readonly fields: readonly string[];
  readonly body: string;
}

/** Returns the requests in these bytes, as far as they parse, and whether all bytes were valid. */
export async function readWithLlhttp(
  bytes: Buffer,
): Promise<{ readonly requests: readonly ParsedRequest[]; readonly refused: boolean }> {
  const requests: ParsedRequest[] = [];
  let refused = false;
  const server = createServer({ requireHostHeader: false, insecureHTTPParser: false }, (req, res) => {
    const body: Buffer[] = [];
    req.on('data', (chunk: Buffer) => body.push(chunk));
    req.on('end', () => {
      requests.push({
        method: req.method ?? '',
        target: req.url ?? '',
        version: req.httpVersion,
        fields: req.rawHeaders,
        body: Buffer.concat(body).toString('latin1'),
      });
      res.end();
    });
  });
  server.on('clientError', (_error, socket) => {
    refused = true;
    socket.destroy();
  });
  for (const event of ['checkContinue', 'checkExpectation', 'connect']) {
    server.on(event, (req: { socket: Duplex }) => {
      refused = true;
      req.socket.destroy();
    });
  }
  await readAll(server, bytes);
  return { requests, refused };
}

/** A connection that delivers these bytes and then the client's end. Lasts until the server has closed it. */
function readAll(server: Server, bytes: Buffer): Promise<void> {
  // Like flm's server: a client that has closed its side still gets all responses.
  Object.assign(server, { httpAllowHalfOpen: true });
  return new Promise((resolve) => {
    const connection = new Duplex({
      allowHalfOpen: true,
      read: () => {},
      write: (_chunk, _encoding, done) => done(),
    });
    // Members that Node's server needs from a socket in addition to a stream.
    Object.assign(connection, {
      setTimeout: () => connection,
      destroySoon: () => connection.end(() => connection.destroy()),
    });
    connection.once('close', resolve);
    connection.on('error', () => {});
    server.emit('connection', connection);
    connection.push(bytes);
    connection.push(null);
  });
}
