/**
 * The log of a proxy as a file with rotation: `x.log`, `x.log.1`, and so on to `x.log.5`.
 *
 * `write` never throws and never waits. Lines are collected and appended in the background, one write at a time, a few
 * times a second under load. Lines that the disk cannot take are dropped and counted, and a line reports the count once
 * the disk works again. The path is checked before each write and the file reopened if it was rotated or removed: two
 * proxies of one profile write to the same log while one of them drains. One of them rotates at a time: it holds the
 * folder `x.log.rotating`. The code that opens a log closes it.
 */
import { constants, rmSync, type Stats, write as writeCallback } from 'node:fs';
import { mkdir, open, rename, rmdir, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Clock } from '../core/clock.ts';
import { codeOf } from '../core/system-error.ts';
import { lossLine } from './log-line.ts';

/** A file given by path is rotated. A file that is already open is not. */
export type LogFileOptions = ({ readonly path: string } | { readonly fd: number }) & LogFileLimits;

export interface LogFileLimits {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** The file is rotated before it grows beyond this size. */
  readonly maxBytes?: number;
  /** How many old files are kept. */
  readonly keep?: number;
  /** The maximum of bytes that wait for the disk. Further lines are dropped. */
  readonly maxWaitingBytes?: number;
  /** How long `close` waits for the disk. */
  readonly closeMs?: number;
}

/** The open file. */
interface OpenFile {
  write(bytes: Buffer, offset: number): Promise<{ readonly bytesWritten: number }>;
  close(): Promise<void>;
}

/** A rotation takes milliseconds. The folder of an older one was left by a process that was killed. */
const rotationMs = 10_000;

/** A write costs more than a hundred lines, so lines in quick succession are written together. */
const gatherMs = 50;

/** So many bytes do not wait for more lines. Two buffers that are used in turn stay small enough to be kept. */
const gatheredBytes = 384 * 1024;

/** Initial size of a buffer, and the largest size that is kept for reuse. */
const restBytes = 64 * 1024;
const keptBytes = 1024 * 1024;
/** Most bytes of one UTF-16 unit in UTF-8. */
const maxUtf8Bytes = 3;

/** Has the `write` method that the logger needs. */
export class LogFile {
  readonly #path: string;
  readonly #givenFile: OpenFile | undefined;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #maxBytes: number;
  readonly #keep: number;
  readonly #maxWaitingBytes: number;
  readonly #closeMs: number;
  /**
   * Waiting lines, as bytes. As strings they would live just long enough to be promoted to V8's old generation: ten
   * megabytes a second under load, with one full garbage collection after the other.
   */
  #waiting: Buffer = Buffer.allocUnsafeSlow(restBytes);
  #waitingBytes = 0;
  /** The spare buffer: neither collecting lines nor being written. */
  #spare: Buffer | undefined;
  #file: OpenFile | undefined;
  #fileId = '';
  /** Set while lines are being written. */
  #pump: Promise<void> | undefined;
  #lost = 0;
  #lostReason = '';
  /** The last write ended inside a line. */
  #torn = false;
  #closed = false;
  /** The number of lines lost so far. */
  lostLines = 0;
  /** Ends the wait for more lines early. */
  #stopGathering: () => void = () => {};

  constructor(options: LogFileOptions) {
    this.#path = 'path' in options ? options.path : '';
    this.#givenFile = 'fd' in options ? openFile(options.fd) : undefined;
    this.#clock = options.clock;
    this.#maxBytes = options.maxBytes ?? 10 * 1000 ** 2;
    this.#keep = options.keep ?? 5;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 4 * 1000 ** 2;
    this.#closeMs = options.closeMs ?? 1_000;
  }

  /** One line, newline included. */
  write(line: string): void {
    if (this.#closed) return;
    if (this.#waitingBytes + line.length > this.#maxWaitingBytes) {
      this.#lost += 1;
      this.lostLines += 1;
      this.#lostReason = 'the disk is too slow';
      return;
    }
    const needed = this.#waitingBytes + line.length * maxUtf8Bytes;
    if (needed > this.#waiting.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#waiting.length * 2));
      this.#waiting.copy(grown, 0, 0, this.#waitingBytes);
      this.#waiting = grown;
    }
    this.#waitingBytes += this.#waiting.write(line, this.#waitingBytes);
    if (this.#waitingBytes >= gatheredBytes) this.#stopGathering();
    this.#pump ??= this.#writeAll();
  }

  /** True while lines are being written to the disk. */
  get isBusy(): boolean {
    return this.#pump !== undefined;
  }

  /**
   * Accepts no more lines. Resolves to true when all waiting lines are written or lost, and to false if the disk did
   * not finish within a second. In that case the unfinished write keeps the process alive.
   */
  async close(): Promise<boolean> {
    this.#closed = true;
    this.#stopGathering();
    const written = async (): Promise<true> => {
      await this.#pump;
      await this.#letGo();
      return true;
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), this.#closeMs);
    });
    const done = await Promise.race([written(), late]);
    clearTimeout(timer);
    return done;
  }

  async #writeAll(): Promise<void> {
    while (this.#waitingBytes > 0) {
      const full = this.#waiting;
      const lines = full.subarray(0, this.#waitingBytes);
      this.#waiting = this.#spare ?? Buffer.allocUnsafeSlow(restBytes);
      this.#spare = undefined;
      this.#waitingBytes = 0;
      await this.#append(lines);
      // A buffer that a burst made large is not kept.
      if (full.length <= keptBytes) this.#spare = full;
      const mayWait = this.#waitingBytes > 0 && this.#waitingBytes < gatheredBytes;
      if (mayWait && !this.#closed) await this.#gather();
    }
    // Covers the case that the disk works again and no line follows.
    if (this.#lost > 0 && this.#file !== undefined) await this.#append(Buffer.alloc(0));
    this.#pump = undefined;
    if (this.#waitingBytes > 0) this.#pump = this.#writeAll();
  }

  #gather(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, gatherMs);
      this.#stopGathering = () => {
        this.#stopGathering = () => {};
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #append(lines: Buffer): Promise<void> {
    const told = this.#lost;
    const notice = told === 0 ? '' : lossLine(told, this.#lostReason, this.#clock.nowMs());
    const prefix = `${this.#torn ? '\n' : ''}${notice}`;
    const bytes = prefix === '' ? lines : Buffer.concat([Buffer.from(prefix), lines]);
    let written = 0;
    try {
      const file = await this.#openFor(bytes.length);
      while (written < bytes.length) {
        const part = await file.write(bytes, written);
        written += part.bytesWritten;
        this.#torn = bytes[written - 1] !== 0x0a;
      }
      this.#lost -= told;
    } catch (error) {
      const missing = newlines(bytes.subarray(written));
      // The notice and the newline that fixes a torn line are not lines of the log.
      const lost = Math.min(missing, newlines(lines));
      this.#lost += lost;
      this.lostLines += lost;
      this.#lostReason = codeOf(error);
      await this.#letGo();
    }
  }

  /** The file to append to, rotated if the next bytes would not fit. */
  async #openFor(bytes: number): Promise<OpenFile> {
    if (this.#givenFile !== undefined) {
      this.#file = this.#givenFile;
      return this.#givenFile;
    }
    const found = await stat(this.#path).catch(() => undefined);
    const isOurs = found !== undefined && idOf(found) === this.#fileId;
    if (!isOurs) await this.#letGo();
    if (found !== undefined && this.#isFull(found, bytes)) await this.#rotate(bytes);
    if (this.#file !== undefined) return this.#file;
    const flags = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0);
    const file = await open(this.#path, flags, 0o600);
    this.#file = file;
    this.#fileId = idOf(await file.stat());
    return file;
  }

  #isFull({ size }: Stats, bytes: number): boolean {
    return size > 0 && size + bytes > this.#maxBytes;
  }

  /** Does nothing while another process rotates; the next write finds the new file. */
  async #rotate(bytes: number): Promise<void> {
    const claim = `${this.#path}.rotating`;
    try {
      if (!(await this.#claim(claim))) return;
      try {
        // The other process may have rotated since the size was read.
        if (this.#isFull(await stat(this.#path), bytes)) await this.#shift();
      } finally {
        await rmdir(claim);
      }
      await this.#letGo();
    } catch {
      // The folder cannot be changed: a log that grows is better than no log.
    }
  }

  async #claim(claim: string): Promise<boolean> {
    try {
      await mkdir(claim, 0o700);
      return true;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const { mtimeMs } = await stat(claim);
    const ageMs = this.#clock.nowMs() - mtimeMs;
    if (ageMs > rotationMs || ageMs < -rotationMs) await rmdir(claim);
    return false;
  }

  async #shift(): Promise<void> {
    for (let age = this.#keep; age >= 1; age -= 1) {
      const from = age === 1 ? this.#path : `${this.#path}.${age - 1}`;
      await rename(from, `${this.#path}.${age}`).catch(ignoreMissing);
    }
    if (this.#keep === 0) rmSync(this.#path, { force: true });
  }

  async #letGo(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#fileId = '';
    await file?.close().catch(() => {});
  }
}

/** A file that the caller has opened and will close. */
function openFile(fd: number): OpenFile {
  return { write: (bytes, offset) => writeTo(fd, bytes, offset), close: () => Promise.resolve() };
}

const writeTo = promisify(writeCallback);

function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function newlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count += 1;
  return count;
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}
