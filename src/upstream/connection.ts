/**
 * One connection to an engine: carries one request after another, each as one `EngineFlight`.
 *
 * Reads go into a buffer that all plain sockets share; what the sink is given is valid only during the call. Whatever
 * arrives while no request is under way belongs to nobody and ends the connection.
 */
import net from 'node:net';
import tls from 'node:tls';
import type { EngineAddress } from '../core/engine/engine.ts';
import type { ChunkMap, EngineHead } from '../core/engine/upstream.ts';
import type { EngineFlight } from './flight.ts';
import { type ReplyEvents, ReplyParser } from './reply-parser.ts';

export interface ConnectionOwner {
  /** The answer is complete and the connection may carry another request. */
  idle(connection: EngineConnection): void;
  closed(connection: EngineConnection): void;
}

export class EngineConnection implements ReplyEvents {
  readonly #socket: net.Socket;
  readonly #parser: ReplyParser;
  readonly #owner: ConnectionOwner;
  #flight: EngineFlight | undefined;
  #paused = false;
  #closed = false;
  #error: Error | undefined;
  /** It has carried a request before. */
  reused = false;
  connected = false;
  /** Monotonic; when it became idle. */
  idleSinceMs = 0;

  constructor(address: EngineAddress, tlsOptions: tls.ConnectionOptions, shared: Buffer, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#parser = new ReplyParser(this);
    const where = address.socketPath === undefined ? { host: address.host, port: address.port } : { path: address.socketPath };
    if (address.tls) {
      // A name for SNI; RFC 6066 allows no IP literal there.
      const named = net.isIP(address.host) === 0 ? { servername: address.host } : {};
      this.#socket = tls.connect({ ...tlsOptions, ...where, ...named, ALPNProtocols: ['http/1.1'] });
      this.#socket.once('secureConnect', () => this.#onConnect());
      this.#socket.on('data', (chunk: Buffer) => {
        if (!this.#read(chunk, chunk.length)) this.#socket.pause();
      });
    } else {
      const onread = { buffer: shared, callback: (read: number, buffer: Uint8Array): boolean => this.#read(buffer as Buffer, read) };
      this.#socket = net.connect({ ...where, onread, keepAlive: true, keepAliveInitialDelay: 30_000 });
      this.#socket.once('connect', () => this.#onConnect());
    }
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.#onClose());
  }

  /** Starts a request on a connection that is free. */
  carry(flight: EngineFlight, head: string, body: readonly Buffer[], bodyLength: number): void {
    this.#flight = flight;
    this.#paused = false;
    this.#parser.reset(flight.bodyless);
    const socket = this.#socket;
    if (bodyLength === 0) socket.write(head, 'latin1');
    else if (bodyLength <= maxJoinedBytes) {
      // Latin-1 maps each byte to one character and back, so head and body leave as one write, byte for byte.
      let message = head;
      for (const part of body) message += part.toString('latin1');
      socket.write(message, 'latin1');
    } else {
      socket.cork();
      socket.write(head, 'latin1');
      for (const part of body) socket.write(part);
      socket.uncork();
    }
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Closes at once; tells nobody but the owner. */
  destroy(): void {
    this.#flight = undefined;
    this.#socket.destroy();
  }

  // --- what the parser tells

  onHead(head: EngineHead): void {
    this.#flight?.onHead(head);
  }

  onData(buffer: Buffer, from: number, to: number): void {
    if (this.#flight?.onData(buffer, from, to) === false) this.#paused = true;
  }

  onFramed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): void {
    if (this.#flight?.onFramed(buffer, from, to, chunks) === false) this.#paused = true;
  }

  onEnd(): void {
    // Told after the read, when it is known whether bytes follow that belong to nobody.
  }

  // --- what the socket tells

  #onConnect(): void {
    this.connected = true;
    this.#flight?.onConnected();
  }

  /** False to stop reading. */
  #read(buffer: Buffer, length: number): boolean {
    const flight = this.#flight;
    if (flight === undefined) {
      this.#socket.destroy();
      return true;
    }
    flight.onBytes();
    const result = this.#parser.feed(buffer, 0, length, () => this.#flight !== flight);
    if (this.#flight !== flight) return true;
    if (typeof result === 'string') {
      this.#fail(flight, result);
      return true;
    }
    if (this.#parser.done) {
      this.#complete(flight, result === length);
      return true;
    }
    return !this.#paused;
  }

  #complete(flight: EngineFlight, clean: boolean): void {
    this.#flight = undefined;
    // The engine answered before it had the whole request, wants to close, or sent more than one answer.
    const reusable = clean && this.#parser.keepAlive && this.#socket.writableLength === 0 && !this.#socket.destroyed;
    this.#paused = false;
    if (reusable) {
      this.reused = true;
      this.#owner.idle(this);
    } else this.#socket.destroy();
    flight.onEnd();
  }

  #fail(flight: EngineFlight, reason: string): void {
    this.#flight = undefined;
    this.#socket.destroy();
    flight.onProtocolError(reason);
  }

  #onEnd(): void {
    const flight = this.#flight;
    if (flight === undefined || !this.#parser.endsByClose) return;
    this.#complete(flight, false);
  }

  #onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.closed(this);
    const flight = this.#flight;
    this.#flight = undefined;
    flight?.onClosed(this.#parser.headSeen, this.#error);
  }
}

/** Up to this size one joined write is cheaper than a vector of buffers. */
const maxJoinedBytes = 32 * 1024;
