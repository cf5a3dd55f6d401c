/**
 * Connections over the limit: an answer, a moment to take it, and the end; without the answer where even these are many.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';

/** Connections that may be told so at a time. */
const maxTold = 64;
const takeMs = 1_000;

export class OverflowHandler {
  readonly #clock: Clock;
  readonly #told = new Set<Socket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those that are not closed yet. */
  get sockets(): Iterable<Socket> {
    return this.#told;
  }

  /** `answer` is asked for where it is given: all bytes of a response. */
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
    // Closing over unread bytes would reset the connection and the answer with it.
    socket.resume();
    socket.end(answer());
  }
}
