/**
 * One client with the lowest CPU cost that Node allows: a keep-alive connection with one request at a time.
 *
 * Replies are not parsed: a reply is complete when it ends with the expected bytes, and good when it begins with status
 * 200. `checkReplies` finds the expected bytes beforehand, in replies that it has read and checked whole.
 */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Target } from './load.ts';

const statusOk = Buffer.from('HTTP/1.1 200');

/** Longer than any pause between two requests of a round. */
const idleMs = 1_000;

/** The read buffer of all connections: its bytes are consumed in the call that delivers them. */
const space = Buffer.allocUnsafeSlow(256 * 1024);

export class Client {
  readonly #target: Target;
  #socket: Socket;
  readonly #tailBytes = Buffer.alloc(32);
  #tailLength = 0;
  /** Of the current reply. */
  receivedBytes = 0;
  #tail: Buffer = statusOk;
  /** A request was sent, and no byte of its response has come. */
  #fresh = false;
  #request = '';
  #sentMs = 0;
  /** No request was sent on this connection for a second before the current one. */
  #wasIdle = false;
  #onWhole: () => void = () => {};
  #onFirstByte: (() => void) | undefined;
  #onFailed: (error: Error) => void = () => {};

  private constructor(target: Target, connected: (client: Client) => void, failed: (error: Error) => void) {
    this.#target = target;
    this.#onFailed = failed;
    this.#socket = this.#connect(() => connected(this));
  }

  #connect(connected: () => void): Socket {
    const { name, port, authority } = this.#target;
    const options = {
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: space,
        callback: (length: number): boolean => {
          this.#read(length);
          return true;
        },
      },
    };
    const socket =
      authority === undefined
        ? connect(options)
        : connectTls({ ...options, ca: authority, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    socket.once(authority === undefined ? 'connect' : 'secureConnect', connected);
    const fail = (error: Error): void => {
      if (socket !== this.#socket) return;
      if (this.#fresh && this.#wasIdle) return this.#sendAgain();
      this.#onFailed(new Error(`the connection to ${name}`, { cause: error }));
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection was closed')));
    return socket;
  }

  static open(target: Target): Promise<Client> {
    return new Promise((resolve, reject) => new Client(target, resolve, reject));
  }

  /**
   * Sends a request whose reply ends with `tail`. Connects again if the server has closed the connection, which some do
   * after 5 s without a request; also if it does so while the request is on its way (RFC 9112, section 9.3.1).
   */
  send(
    request: string,
    tail: Buffer,
    whole: () => void,
    failed: (error: Error) => void,
    firstByte?: () => void,
  ): void {
    if (this.#socket.destroyed || this.#socket.readableEnded) this.#socket = this.#connect(() => {});
    const nowMs = performance.now();
    this.#wasIdle = nowMs - this.#sentMs > idleMs;
    this.#sentMs = nowMs;
    this.#request = request;
    this.#fresh = true;
    this.receivedBytes = 0;
    this.#tailLength = 0;
    this.#tail = tail;
    this.#onWhole = whole;
    this.#onFailed = failed;
    this.#onFirstByte = firstByte;
    this.#socket.write(request, 'latin1');
  }

  #sendAgain(): void {
    this.#wasIdle = false;
    this.#socket = this.#connect(() => {});
    this.#socket.write(this.#request, 'latin1');
  }

  close(): void {
    this.#fresh = false;
    this.#onFailed = () => {};
    this.#socket.destroy();
  }

  #read(length: number): void {
    this.receivedBytes += length;
    if (this.#fresh) {
      this.#fresh = false;
      this.#onFirstByte?.();
      if (length < statusOk.length || space.compare(statusOk, 0, 12, 0, 12) !== 0) {
        return this.#onFailed(
          new Error(`not a reply of status 200: ${space.toString('latin1', 0, Math.min(length, 500))}`),
        );
      }
    }
    const wanted = this.#tail.length;
    if (length >= wanted) {
      if (space.compare(this.#tail, 0, wanted, length - wanted, length) === 0) return this.#onWhole();
      this.#tailLength = space.copy(this.#tailBytes, 0, length - wanted, length);
      return;
    }
    // The end may be split over several reads.
    const joined = Buffer.concat([this.#tailBytes.subarray(0, this.#tailLength), space.subarray(0, length)]);
    if (joined.length >= wanted && joined.subarray(-wanted).equals(this.#tail)) return this.#onWhole();
    this.#tailLength = joined.copy(this.#tailBytes, 0, Math.max(0, joined.length - wanted));
  }
}
