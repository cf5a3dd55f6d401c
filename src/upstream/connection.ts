/**
 * One connection to an engine. It carries one request after another, each with a `ConnectionUser`.
 *
 * Reads go into a buffer that all connections share; bytes passed to the user are valid only during the call. Bytes
 * that arrive while no request is running end the connection.
 *
 *   dialling --> busy <--> resting --> free
 *                  ^---------'----------'
 *
 * After a response the connection rests until the event loop has polled once. Otherwise, bytes after the response that
 * the kernel already held would be read as the response to the next request. A request that arrives during the rest is
 * written after the rest.
 */
import net from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { EngineAddress } from '../core/engine/engine.ts';
import type { ChunkMap, EngineHead } from '../core/engine/upstream.ts';
import type { RequestMessage } from './request-message.ts';
import { type ResponseEvents, ResponseParser } from './response-parser.ts';
import type { Resting } from './rests.ts';

export interface ConnectionOwner {
  /** The response is complete, and after its rest the connection may carry another request. */
  onFree(connection: EngineConnection): void;
  /** The rest is over. */
  onRested(connection: EngineConnection): void;
  /** Called once when the connection has ended. */
  onGone(connection: EngineConnection): void;
}

/** The request that a connection carries. Receives the events of its response. */
export interface ConnectionUser {
  readonly method: string;
  onConnected(): void;
  onBytes(): void;
  onHead(head: EngineHead): void;
  /** False to pause reading. */
  onData(buffer: Buffer, from: number, to: number): boolean;
  onFramed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean;
  onEnd(): void;
  /** The response is not HTTP; the connection is closed. */
  onInvalid(fault: string): void;
  onClosed(headSeen: boolean, cause: Error | undefined): void;
}

/** Read buffers that connections share in turn: the bytes are consumed in the call that delivers them. */
export interface ReadSpace {
  readonly buffer: Buffer;
  /** How many bytes of the buffer may have been read into since it was cleared. */
  used: number;
  readonly chunks: ChunkMap;
}

/** Up to this size one joined write is cheaper than a vector of buffers. */
const maxJoinedBytes = 32 * 1024;
/** TCP keep-alive detects an engine's machine that vanished, long before the timeout for a model that loads. */
const tcpProbeDelayMs = 30_000;
/**
 * After this many bytes other connections are read. libuv reads a full socket up to 32 times in one turn of the event
 * loop, which is 2 MB with this buffer; and an engine may send bytes that are expensive to relay.
 */
const maxTurnBytes = 128 * 1024;

export class EngineConnection implements ResponseEvents, Resting {
  readonly #socket: net.Socket;
  readonly #parser: ResponseParser;
  readonly #owner: ConnectionOwner;
  #inFlightRequest: ConnectionUser | undefined;
  /** A request that waits for the end of the rest. */
  #waiting: RequestMessage | undefined;
  #resting = false;
  #paused = false;
  #turnBytes = 0;
  /** Resumes reading after the other connections were read. */
  #nextTurn: NodeJS.Immediate | undefined;
  #gone = false;
  #connected = false;
  #reused = false;
  #error: Error | undefined;
  /** Monotonic; set by the pool: the connection is not reused after this time. */
  freeUntilMs = 0;

  /** Throws if the address is invalid. */
  constructor(
    address: EngineAddress,
    tlsOptions: ConnectionOptions,
    space: ReadSpace,
    owner: ConnectionOwner,
  ) {
    const { host, port, socketPath } = address;
    // Node checks these too, but leaks a handle when it refuses them, and accepts no name for localhost.
    const possible =
      Number.isInteger(port) && port > 0 && port < 65_536 && host !== '' && !host.includes('\0');
    if (socketPath === undefined && !possible) throw new Error('this address cannot be dialled');
    this.#owner = owner;
    this.#parser = new ResponseParser(this, space.chunks);
    const where = socketPath === undefined ? { host, port } : { path: socketPath };
    const options = {
      ...where,
      onread: {
        buffer: space.buffer,
        callback: (length: number): boolean => {
          if (length > space.used) space.used = length;
          return this.#onRead(space.buffer, length);
        },
      },
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpProbeDelayMs,
      autoSelectFamily: true,
    };
    if (address.tls) {
      // RFC 6066, section 3: a name for SNI, never an IP literal.
      const named = net.isIP(host) === 0 ? { servername: host } : {};
      this.#socket = connectTls({ ...named, ...tlsOptions, ...options, ALPNProtocols: ['http/1.1'] });
      this.#socket.once('secureConnect', () => this.#onConnect());
    } else {
      this.#socket = net.connect(options);
      this.#socket.once('connect', () => this.#onConnect());
    }
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.#end());
  }

  get busy(): boolean {
    return this.#inFlightRequest !== undefined;
  }
  get connected(): boolean {
    return this.#connected;
  }
  /** Nothing waits to be written, and a connection that ended early has nothing left that was not written. */
  get sent(): boolean {
    return this.#connected && this.#waiting === undefined && this.#socket.writableLength === 0;
  }
  /** Whether the connection has carried a request before. */
  get reused(): boolean {
    return this.#reused;
  }
  get paused(): boolean {
    return this.#paused;
  }
  get gone(): boolean {
    return this.#gone;
  }
  /** How long the engine announced to keep the idle connection open. */
  get persistsMs(): number | undefined {
    return this.#parser.persistsMs;
  }

  /** Starts a request on a connection that is not busy. */
  carry(inFlightRequest: ConnectionUser, message: RequestMessage): void {
    this.#inFlightRequest = inFlightRequest;
    this.#parser.reset(inFlightRequest.method === 'HEAD');
    if (this.#resting) this.#waiting = message;
    else this.#write(message);
  }

  /** The event loop has polled since the response ended. */
  rested(): void {
    this.#resting = false;
    const message = this.#waiting;
    this.#waiting = undefined;
    if (message !== undefined && !this.#gone) this.#write(message);
    this.#owner.onRested(this);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#nextTurn === undefined) this.#socket.resume();
  }

  /** Called four times a second. */
  tick(): void {
    this.#parser.tick();
  }

  /** Closes at once; the user gets no further events. */
  destroy(): void {
    this.#inFlightRequest = undefined;
    this.#end();
  }

  // --- events of the parser

  onHead(head: EngineHead): boolean {
    const inFlightRequest = this.#inFlightRequest;
    inFlightRequest?.onHead(head);
    return inFlightRequest !== undefined && this.#inFlightRequest === inFlightRequest;
  }

  onData(buffer: Buffer, from: number, to: number): boolean {
    const inFlightRequest = this.#inFlightRequest;
    if (inFlightRequest?.onData(buffer, from, to) === false) this.#paused = true;
    return inFlightRequest !== undefined && this.#inFlightRequest === inFlightRequest;
  }

  onFramed(buffer: Buffer, from: number, to: number, chunks: ChunkMap): boolean {
    const inFlightRequest = this.#inFlightRequest;
    if (inFlightRequest?.onFramed(buffer, from, to, chunks) === false) this.#paused = true;
    return inFlightRequest !== undefined && this.#inFlightRequest === inFlightRequest;
  }

  // --- events of the socket

  #onConnect(): void {
    this.#connected = true;
    this.#inFlightRequest?.onConnected();
  }

  /** False to stop reading. */
  #onRead(buffer: Buffer, length: number): boolean {
    const inFlightRequest = this.#inFlightRequest;
    if (inFlightRequest === undefined || this.#resting) {
      this.#end();
      return true;
    }
    inFlightRequest.onBytes();
    const at = this.#parser.feed(buffer, 0, length);
    if (this.#inFlightRequest !== inFlightRequest) return true;
    if (this.#parser.fault !== undefined) {
      this.destroy();
      inFlightRequest.onInvalid(this.#parser.fault);
    } else if (this.#parser.done) this.#complete(inFlightRequest, at === length);
    else return this.#mayReadOn(length);
    return true;
  }

  #mayReadOn(length: number): boolean {
    this.#turnBytes += length;
    if (this.#turnBytes >= maxTurnBytes) {
      this.#turnBytes = 0;
      this.#nextTurn ??= setImmediate(this.#onTurn);
    }
    return !this.#paused && this.#nextTurn === undefined;
  }

  readonly #onTurn = (): void => {
    this.#nextTurn = undefined;
    if (!this.#paused && !this.#gone) this.#socket.resume();
  };

  #complete(inFlightRequest: ConnectionUser, atBorder: boolean): void {
    this.#inFlightRequest = undefined;
    this.#paused = false;
    // Bytes after the response, a response before the whole request was sent, or a `connection: close`.
    if (atBorder && this.#parser.persistent && this.#socket.writableLength === 0 && !this.#gone) {
      this.#reused = true;
      this.#resting = true;
      this.#owner.onFree(this);
    } else this.#end();
    inFlightRequest.onEnd();
  }

  /** The engine closed its side. During a request this ends both directions, even with bytes left to write. */
  #onEnd(): void {
    const inFlightRequest = this.#inFlightRequest;
    if (inFlightRequest !== undefined && this.#parser.endsByClose) this.#complete(inFlightRequest, false);
    else this.#end();
  }

  #end(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#waiting = undefined;
    clearImmediate(this.#nextTurn);
    this.#nextTurn = undefined;
    this.#socket.destroy();
    this.#owner.onGone(this);
    const inFlightRequest = this.#inFlightRequest;
    this.#inFlightRequest = undefined;
    inFlightRequest?.onClosed(this.#parser.headSeen, this.#error);
  }

  #write({ head, body, bodyLength }: RequestMessage): void {
    const socket = this.#socket;
    if (bodyLength <= maxJoinedBytes) {
      // Latin-1 maps each byte to one character and back, so head and body are sent in one write, byte for byte.
      let message = head;
      for (const part of body) message += part.toString('latin1');
      socket.write(message, 'latin1');
      return;
    }
    socket.cork();
    socket.write(head, 'latin1');
    for (const part of body) socket.write(part);
    socket.uncork();
  }
}
