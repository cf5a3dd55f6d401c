/**
 * The listening sockets. All addresses are bound exclusively, or none is.
 *
 * Each connection is passed on as a raw socket, so that TLS or another parser can come before the HTTP server. Only a
 * bind shows whether a port is free: another program may take a port right after a check.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { ProxyError } from '../core/errors.ts';
import { systemRefusal } from '../core/system-error.ts';

export interface ListenOrder {
  readonly addresses: readonly string[];
  /** 0 takes a port that is free on every address. */
  readonly port: number;
  /** Addresses that are skipped if the machine does not support their family, instead of failing. */
  readonly optional: ReadonlySet<string>;
  readonly onConnection: (socket: Socket) => void;
}

/** From this port on every user may listen. If the system still refuses, one of its policies is the reason. */
const firstFreePort = 1024;

/** Attempts to find one port that is free on all addresses. */
const freePortTries = 20;

export class Listener {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly #servers: readonly Server[];

  private constructor(servers: readonly Server[], port: number, addresses: readonly string[]) {
    this.#servers = servers;
    this.port = port;
    this.addresses = addresses;
  }

  /** Throws a `ProxyError`: PROXY_PORT_IN_USE, PROXY_PORT_FORBIDDEN, PROXY_ADDRESS_UNAVAILABLE. Nothing stays bound. */
  static async open(order: ListenOrder): Promise<Listener> {
    for (let left = freePortTries; ; left--) {
      try {
        return await Listener.#bindAll(order);
      } catch (error) {
        const taken = error instanceof ProxyError && error.code === 'PROXY_PORT_IN_USE';
        if (!taken || order.port !== 0 || left === 0) throw error;
      }
    }
  }

  /** Stops listening. The port is free immediately, and existing connections continue. */
  close(): void {
    for (const server of this.#servers) server.close();
  }

  static async #bindAll(order: ListenOrder): Promise<Listener> {
    const servers: Server[] = [];
    const addresses: string[] = [];
    let port = order.port;
    try {
      for (const address of order.addresses) {
        const server = await bind(address, port, order);
        if (server === undefined) continue;
        servers.push(server);
        addresses.push(address);
        const bound = server.address();
        if (bound !== null && typeof bound === 'object') port = bound.port;
      }
      if (servers.length === 0) {
        throw new ProxyError('PROXY_ADDRESS_UNAVAILABLE', {
          params: { address: order.addresses.join(', ') },
        });
      }
    } catch (error) {
      for (const server of servers) server.close();
      throw error;
    }
    return new Listener(servers, port, addresses);
  }
}

function bind(address: string, port: number, order: ListenOrder): Promise<Server | undefined> {
  // Half-open, so that a client that closes its sending side after the request still gets the response.
  const server = createServer(
    { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 },
    order.onConnection,
  );
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT';
      if (missing && order.optional.has(address)) resolve(undefined);
      else reject(bindError(error, address, port));
    });
    // No `reusePort`: a second process could bind the port silently and would get half of the connections. IPv6 only,
    // so that an IPv4 address with the same port can be bound too.
    server.listen(
      {
        host: address,
        port,
        exclusive: true,
        ipv6Only: address.includes(':') && order.addresses.length > 1,
        backlog: 1024,
      },
      () => {
        server.removeAllListeners('error');
        // Accepting may fail later (out of file descriptors). That must not end the process.
        server.on('error', () => {});
        resolve(server);
      },
    );
  });
}

function bindError(cause: NodeJS.ErrnoException, address: string, port: number): ProxyError {
  switch (cause.code) {
    case 'EADDRINUSE':
      return new ProxyError('PROXY_PORT_IN_USE', { params: { address, port }, cause });
    case 'EACCES':
      if (port >= firstFreePort) break;
      return new ProxyError('PROXY_PORT_FORBIDDEN', { params: { port }, cause });
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new ProxyError('PROXY_ADDRESS_UNAVAILABLE', { params: { address }, cause });
    default:
      break;
  }
  return (
    systemRefusal(cause, `to listen on ${address}:${port}`) ??
    new ProxyError('PROXY_START_FAILED', { params: { reason: `cannot listen on ${address}:${port}` }, cause })
  );
}
