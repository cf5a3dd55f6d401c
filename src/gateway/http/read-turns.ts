/**
 * Gives the other connections their turn while one sends a large body. libuv reads a socket that stays full up to 32
 * times in one turn of the event loop. With buffers of 64 KB these are 2 MB, and a body of tiny tokens costs some 20 ns
 * a byte to look through.
 */

/** Reading pauses for the rest of the turn after so many bytes. */
const maxTurnBytes = 128 * 1024;

/** A socket, or a request of Node's. */
export interface Pausable {
  pause(): unknown;
  resume(): unknown;
}

export class ReadTurns {
  readonly #source: Pausable;
  readonly #stillReads: () => boolean;
  #bytes = 0;
  #waits = false;

  /** `stillReads`: whether the source is to go on, asked when its next turn has come. */
  constructor(source: Pausable, stillReads: () => boolean) {
    this.#source = source;
    this.#stillReads = stillReads;
  }

  /** So many bytes were read. */
  took(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < maxTurnBytes || this.#waits) return;
    this.#waits = true;
    this.#source.pause();
    setImmediate(this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#bytes = 0;
    this.#waits = false;
    if (this.#stillReads()) this.#source.resume();
  };
}
