/**
 * Rejects connections above the limit: sends a response, waits a moment until the client has read it, and closes the
 * connection. Above a second limit it closes the connection without a response.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';

/** How many connections may be in rejection at the same time. */
const maxTold = 64;
const takeMs = 1_000;

export class OverflowHandler {
  readonly #clock: Clock;
  readonly #told = new Set<Socket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The sockets that are not closed yet. */
  get sockets(): Iterable<Socket> {
    return this.#told;
  }

  /** `answer` returns all bytes of a response. It is called only if a response is sent. */
  rejectConnection(socket: Socket, answer: () => string): void {
    socket.on('error', () => socket.destroy());
    if (this.#told.size >= maxTold) {
      socket.destroy();
      return;
    }
    this.#told.add(socket);
    const off = this.#clock.after(takeMs, () => socket.destroy());
    socket.on('close', () => {
      off();
      this.#told.delete(socket);
    });
    // Closing a socket with unread bytes would reset the connection, and the client could lose the response.
    socket.resume();
    socket.end(answer());
  }
}
