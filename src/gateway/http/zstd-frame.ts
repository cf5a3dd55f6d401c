/**
 * Finds the end of a zstd frame (RFC 8878, section 3.1.1) without decoding it. A body must be exactly one frame, but
 * Node's decoder would also accept more frames, and a few bytes after the last one.
 */

const magic = [0x28, 0xb5, 0x2f, 0xfd];
const dictionaryIdBytes = [0, 1, 2, 4];
const contentSizeBytes = [0, 2, 4, 8];
const blockHeaderBytes = 3;
const checksumBytes = 4;
const rleBlock = 1;

export class ZstdFrame {
  /** The frame is complete. */
  whole = false;
  /** The bytes of the current part and its expected size. The content of a block is only counted. */
  #part: number[] = [];
  #wanted = magic.length + 1;
  #inHeader = true;
  #skip = 0;
  #lastBlock = false;
  #hasChecksum = false;

  /** Returns false if the bytes are not a zstd frame, or if bytes follow the frame. */
  read(chunk: Buffer): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.whole) return false;
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, chunk.length - at);
        this.#skip -= skipped;
        at += skipped;
        if (this.#skip === 0 && this.#lastBlock) this.whole = true;
        continue;
      }
      this.#part.push(chunk[at++] as number);
      if (this.#part.length < this.#wanted) continue;
      if (this.#inHeader) {
        if (!this.#readHeader()) return false;
      } else this.#readBlock();
    }
    return true;
  }

  /**
   * Called first with the magic number and the descriptor, and again with the whole header, whose size the descriptor
   * gives.
   */
  #readHeader(): boolean {
    if (magic.some((byte, i) => this.#part[i] !== byte)) return false;
    const descriptor = this.#part[magic.length] as number;
    const singleSegment = (descriptor & 0x20) !== 0;
    const sizeFlag = descriptor >> 6;
    const windowAt = magic.length + 1;
    const sizeAt = windowAt + (singleSegment ? 0 : 1) + (dictionaryIdBytes[descriptor & 3] as number);
    const sizeBytes = singleSegment && sizeFlag === 0 ? 1 : (contentSizeBytes[sizeFlag] as number);
    this.#wanted = sizeAt + sizeBytes;
    if (this.#part.length < this.#wanted) return true;
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#inHeader = false;
    this.#next();
    return true;
  }

  #readBlock(): void {
    const [low = 0, middle = 0, high = 0] = this.#part;
    const header = low | (middle << 8) | (high << 16);
    this.#lastBlock = (header & 1) === 1;
    this.#skip = ((header >> 1) & 3) === rleBlock ? 1 : header >> 3;
    if (this.#lastBlock && this.#hasChecksum) this.#skip += checksumBytes;
    if (this.#skip === 0 && this.#lastBlock) this.whole = true;
    this.#next();
  }

  #next(): void {
    this.#part = [];
    this.#wanted = blockHeaderBytes;
  }
}
