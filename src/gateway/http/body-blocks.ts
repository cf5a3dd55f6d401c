/**
 * Memory for bodies that is used again. Memory of its own for each body costs more than all that is done with a small body,
 * and large bodies live long enough to reach V8's old generation, where only a collection of the whole heap frees them: a few
 * hundred bodies of 100 KB caused one.
 *
 * A body gives its blocks back only when nothing reads them any more. Blocks that are not given back are left to V8.
 */
import assert from 'node:assert/strict';

/**
 * The most spare bytes of one shelf, beside the bytes that `maxBufferedBytes` counts. All of them were in use within the last two
 * seconds. A lower bound would let large bodies allocate blocks again and again: 16 at a time of 1 MB need 16 MB.
 */
const mostSpareBytes = 64 * 1024 * 1024;

/**
 * Blocks of one size. A spare block is not cleared, because that would make a large body up to a fifth dearer. It keeps the bytes of
 * its last body until another body overwrites them, or until it is freed because no body used it for one to two seconds.
 */
class Shelf {
  readonly bytes: number;
  /** The one that was given back last is taken first. */
  readonly #spare: Buffer[] = [];
  /** The fewest spare blocks since the last call of `freeUnused`: so many at the beginning of the list were not used. */
  #unused = 0;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  take(): Buffer {
    const block = this.#spare.pop();
    if (this.#spare.length < this.#unused) this.#unused = this.#spare.length;
    return block ?? Buffer.allocUnsafeSlow(this.bytes);
  }

  giveBack(block: Buffer): void {
    if (this.#spare.length * this.bytes < mostSpareBytes) this.#spare.push(block);
  }

  freeUnused(): void {
    if (this.#unused > 0) this.#spare.splice(0, this.#unused);
    this.#unused = this.#spare.length;
  }
}

const small = new Shelf(2 * 1024);
const medium = new Shelf(8 * 1024);
const large = new Shelf(32 * 1024);
/** What one read returns at most. */
const largest = new Shelf(64 * 1024);

/** The shelf of the smallest blocks with so many bytes, or of the largest. */
function shelfFor(bytes: number): Shelf {
  if (bytes <= medium.bytes) return bytes <= small.bytes ? small : medium;
  return bytes <= large.bytes ? large : largest;
}

/** With fewer bytes so far, a body is copied: the memory that waits for a slow client stays below five times what it sent. */
const leastStored = 32 * 1024;
/** With fewer bytes to come, or room for fewer, a copy is as cheap. */
const leastLent = 16 * 1024;

/** The blocks of one body. Together they have at most five times the bytes that arrived, or 2 KB. */
export class BodyBlocks {
  readonly #blocks: Buffer[] = [];
  #stored = 0;
  /** Bytes used of the last block. */
  #used = 0;
  /** A socket may write into the last block. */
  #isLent = false;

  /** Copies the bytes from `from` on, as many as the block has room for, and returns the copy. */
  store(bytes: Buffer, from: number): Buffer {
    let block = this.#blocks.at(-1);
    if (block === undefined || this.#used === block.length) {
      block = shelfFor(this.#stored + bytes.length - from).take();
      this.#blocks.push(block);
      this.#used = 0;
    }
    const start = this.#used;
    const copied = bytes.copy(block, start, from);
    this.#stored += copied;
    this.#used += copied;
    return block.subarray(start, this.#used);
  }

  /**
   * Returns memory into which a socket may read the next bytes of the body, of which `left` are missing, or undefined if they
   * must be stored. The socket may use the memory until the next call, and until then no block is given back.
   */
  lend(left: number): Buffer | undefined {
    this.#isLent = left >= leastLent && this.#stored >= leastStored;
    if (!this.#isLent) return undefined;
    let block = this.#blocks.at(-1);
    if (block === undefined || block.length - this.#used < leastLent) {
      block = largest.take();
      this.#blocks.push(block);
      this.#used = 0;
    }
    return block.subarray(this.#used, Math.min(block.length, this.#used + left));
  }

  /** The socket has read so many bytes into the memory that was lent. Returns them. */
  filled(bytes: number): Buffer {
    const block = this.#blocks.at(-1);
    assert(this.#isLent && block !== undefined && bytes <= block.length - this.#used);
    const start = this.#used;
    this.#stored += bytes;
    this.#used += bytes;
    return block.subarray(start, this.#used);
  }

  giveBack(): void {
    if (this.#isLent) return;
    for (let block = this.#blocks.pop(); block !== undefined; block = this.#blocks.pop())
      shelfFor(block.length).giveBack(block);
    this.#stored = 0;
  }
}

/** Frees the spare blocks that no body used since the last call. Called once a second. */
export function freeUnusedBlocks(): void {
  for (const shelf of [small, medium, large, largest]) shelf.freeUnused();
}
