/**
 * Lets other connections proceed while one connection sends a large body. libuv reads a full socket up to 32 times in
 * one turn of the event loop. With buffers of 64 KB these are 2 MB, and scanning a body of tiny tokens costs about 20
 * ns per byte.
 */

/** After this many bytes, reading pauses for the rest of the turn. */
const maxTurnBytes = 128 * 1024;

/** A socket, or a request of Node. */
export interface Pausable {
  pause(): unknown;
  resume(): unknown;
}

export class ReadPacer {
  readonly #source: Pausable;
  readonly #stillReads: () => boolean;
  #bytes = 0;
  #waits = false;

  /** `stillReads`: whether the source should continue, asked in the next turn. */
  constructor(source: Pausable, stillReads: () => boolean) {
    this.#source = source;
    this.#stillReads = stillReads;
  }

  /** Counts bytes that were read. */
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
