/**
 * The listening sockets. All addresses are bound exclusively, or none is. A socket may be inherited from another process,
 * which listens on it too until it closes its copy; it is not listened on before `accept`.
 *
 * Each connection is passed on as a raw socket, so that TLS or another parser can come before the HTTP server. Only a
 * bind shows whether a port is free: another program may take a port right after a check.
 */
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { ProxyError } from '../core/errors.ts';
import type { InheritedSocket } from '../core/proxy/ports.ts';
import { codeOf, systemRefusal } from '../core/system-error.ts';

export interface ListenOrder {
  readonly addresses: readonly string[];
  /** 0 takes a port that is free on every address. */
  readonly port: number;
  /** Addresses that are skipped if the machine does not support their family, instead of failing. */
  readonly optional: ReadonlySet<string>;
  readonly onConnection: (socket: Socket) => void;
  /** Sockets of another process. Those with a wanted address and port are used; the caller closes the others. */
  readonly inherited?: readonly InheritedSocket[];
}

/** A listening socket by its descriptor in this process. */
export type ListeningSocket = Omit<InheritedSocket, 'use'>;

const backlog = 1024;

/** From this port on every user may listen. If the system still refuses, one of its policies is the reason. */
const firstFreePort = 1024;

/** Attempts to find one port that is free on all addresses. */
const freePortTries = 20;

interface Bound {
  readonly server: Server;
  readonly address: string;
  /** The descriptor of an inherited socket that is not listened on yet. */
  readonly fd?: number;
}

export class Listener {
  readonly port: number;
  readonly addresses: readonly string[];
  readonly #bound: readonly Bound[];
  readonly #onConnection: (socket: Socket) => void;
  /** Connections that wait for `accept` or `resume`; undefined while connections are passed on. */
  #held: Socket[] | undefined = [];

  private constructor(order: ListenOrder, bound: readonly Bound[], port: number) {
    this.#bound = bound;
    this.#onConnection = order.onConnection;
    this.port = port;
    this.addresses = bound.map(({ address }) => address);
    for (const { server } of bound) server.on('connection', (socket) => this.#take(socket));
  }

  /** Binds and accepts. Throws like `bind`. */
  static async open(order: ListenOrder): Promise<Listener> {
    const listener = await Listener.bind(order);
    await listener.accept();
    return listener;
  }

  /**
   * Binds; connections wait for `accept`. Throws a `ProxyError`: PROXY_PORT_IN_USE, PROXY_PORT_FORBIDDEN,
   * PROXY_ADDRESS_UNAVAILABLE. Then nothing stays bound.
   */
  static async bind(order: ListenOrder): Promise<Listener> {
    for (let left = freePortTries; ; left--) {
      try {
        return await Listener.#bindAll(order);
      } catch (error) {
        const taken = error instanceof ProxyError && error.code === 'PROXY_PORT_IN_USE';
        if (!taken || order.port !== 0 || left === 0) throw error;
      }
    }
  }

  /** Listens on inherited sockets too, and passes connections on. Throws a `ProxyError`. */
  async accept(): Promise<void> {
    for (const { server, fd, address } of this.#bound)
      if (fd !== undefined && !server.listening) await listenOn(server, { fd, backlog }, address, this.port);
    this.resume();
  }

  /** From now on new connections wait; none is refused or lost. */
  hold(): void {
    this.#held ??= [];
  }

  /** Passes on the connections that waited, and those to come. */
  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const socket of held) {
      socket.off('error', ignore);
      if (!socket.destroyed) this.#onConnection(socket);
    }
  }

  /** The sockets that another process can inherit; none on Windows, which has no descriptors for them. */
  sockets(): readonly ListeningSocket[] {
    return this.#bound.flatMap(({ server, address }) => {
      const fd = descriptorOf(server);
      return fd === undefined ? [] : [{ address, port: this.port, fd }];
    });
  }

  /** Stops listening; unless another process has the sockets too, the port is free at once. Connections continue. */
  close(): void {
    for (const { server } of this.#bound) if (server.listening) server.close();
  }

  #take(socket: Socket): void {
    if (this.#held === undefined) return this.#onConnection(socket);
    socket.on('error', ignore);
    this.#held.push(socket);
  }

  static async #bindAll(order: ListenOrder): Promise<Listener> {
    const bound: Bound[] = [];
    let port = order.port;
    try {
      for (const address of order.addresses) {
        const next = await bindOne(address, port, order);
        if (next === undefined) continue;
        bound.push(next);
        const own = next.server.address();
        if (own !== null && typeof own === 'object') port = own.port;
      }
      if (bound.length === 0) {
        throw new ProxyError('PROXY_ADDRESS_UNAVAILABLE', {
          params: { address: order.addresses.join(', ') },
        });
      }
    } catch (error) {
      for (const { server } of bound) if (server.listening) server.close();
      throw error;
    }
    return new Listener(order, bound, port);
  }
}

function ignore(): void {}

/** Undefined where the machine has no such address and the address is optional. */
async function bindOne(address: string, port: number, order: ListenOrder): Promise<Bound | undefined> {
  // Half-open, so that a client that ends its side after the request still gets the answer.
  const server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });
  const inherited = order.inherited?.find((socket) => socket.address === address && socket.port === port);
  if (inherited !== undefined) return { server, address, fd: inherited.fd };
  try {
    // No `reusePort`: a second process would bind silently and take half of the connections. IPv6 alone, so that an
    // IPv4 address beside it can be bound too.
    const ipv6Only = address.includes(':') && order.addresses.length > 1;
    await listenOn(server, { host: address, port, exclusive: true, ipv6Only, backlog }, address, port);
    return { server, address };
  } catch (error) {
    const code = error instanceof ProxyError ? codeOf(error.cause) : undefined;
    const isMissing = code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
    if (isMissing && order.optional.has(address)) return undefined;
    throw error;
  }
}

/** Throws a `ProxyError`. */
function listenOn(
  server: Server,
  options: ListenOptions & { readonly fd?: number },
  address: string,
  port: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(bindError(error, address, port)));
    server.listen(options, () => {
      server.removeAllListeners('error');
      // Accepting may fail later (out of file descriptors); that must not end the process.
      server.on('error', ignore);
      resolve();
    });
  });
}

/** Node has no public way to the descriptor of a server, which a child process needs to inherit the socket. */
function descriptorOf(server: Server): number | undefined {
  const { _handle: handle } = server as Server & { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
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
