/**
 * Reads the log of a proxy in pages from its end, over the rotated files `x.log.1` to `x.log.5` as well. One page reads
 * a bounded number of bytes, whatever is searched for. A position names a file by its inode, so that it stays right when
 * the log is rotated between two pages; if that file was deleted meanwhile, the log ends there.
 */
import { type FileHandle, open } from 'node:fs/promises';

export interface LogPageRequest {
  /** The position that the page before returned; absent: the end of the log. */
  readonly before?: string;
  readonly limit: number;
  /** Lines that do not match are left out. */
  readonly matches: (line: string) => boolean;
}

export interface LogPage {
  /** Newest first, without line ends. */
  readonly lines: readonly string[];
  /** Null at the beginning of the log. If there is one, older lines may follow even if this page has none. */
  readonly before: string | null;
}

const keptFiles = 5;
const blockBytes = 64 * 1024;
const maxPageBytes = 4 * 1024 * 1024;
/** A longer line is cut. */
const maxLineBytes = 64 * 1024;

interface Position {
  readonly inode: string;
  /** Lines that begin before this byte. */
  readonly end: number;
}

export async function readLogPage(path: string, request: LogPageRequest): Promise<LogPage> {
  const from = request.before === undefined ? undefined : positionOf(request.before);
  if (request.before !== undefined && from === undefined) return { lines: [], before: null };
  const files = await openFiles(path);
  try {
    const first = from === undefined ? 0 : files.findIndex(({ inode }) => inode === from.inode);
    const page = new PageReader(request);
    for (const [index, { file, inode, size }] of files.entries()) {
      if (first < 0 || index < first) continue;
      const end = index === first ? Math.min(from?.end ?? size, size) : size;
      const stoppedAt = await page.read(file, end);
      if (stoppedAt > 0) return { lines: page.lines, before: `${inode}-${stoppedAt}` };
      const older = files[index + 1];
      if (page.isFull && older !== undefined)
        return { lines: page.lines, before: `${older.inode}-${older.size}` };
    }
    return { lines: page.lines, before: null };
  } finally {
    for (const { file } of files) await file.close();
  }
}

class PageReader {
  readonly lines: string[] = [];
  readonly #request: LogPageRequest;
  #bytes = 0;

  constructor(request: LogPageRequest) {
    this.#request = request;
  }

  get isFull(): boolean {
    return this.#hasAllLines || this.#bytes >= maxPageBytes;
  }

  get #hasAllLines(): boolean {
    return this.lines.length >= this.#request.limit;
  }

  /** Reads lines that end at or before `end`, newest first. Returns the byte at which it stopped; 0 at the beginning. */
  async read(file: FileHandle, end: number): Promise<number> {
    let at = end;
    // The bytes of lines whose beginning is not read yet.
    let rest: Buffer = Buffer.alloc(0);
    while (at > 0) {
      if (this.isFull) return at + rest.length;
      const block = Buffer.alloc(Math.min(blockBytes, at));
      await file.read(block, 0, block.length, at - block.length);
      this.#bytes += block.length;
      at -= block.length;
      let text = Buffer.concat([block, rest]);
      for (let newline = text.lastIndexOf(0x0a); newline >= 0; newline = text.lastIndexOf(0x0a)) {
        if (this.#hasAllLines) return at + text.length;
        this.#take(text.subarray(newline + 1));
        text = text.subarray(0, newline);
      }
      // The end of a line that is too long is dropped.
      rest = text.length > maxLineBytes ? text.subarray(0, maxLineBytes) : text;
    }
    if (this.#hasAllLines) return rest.length;
    this.#take(rest);
    return 0;
  }

  #take(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const line = bytes.subarray(0, maxLineBytes).toString('utf8');
    if (this.#request.matches(line)) this.lines.push(line);
  }
}

interface OpenLog {
  readonly file: FileHandle;
  readonly inode: string;
  readonly size: number;
}

/** Newest first. A file that is rotated while the files are opened is opened once. */
async function openFiles(path: string): Promise<readonly OpenLog[]> {
  const files = new Map<string, OpenLog>();
  for (const name of [path, ...Array.from({ length: keptFiles }, (_, i) => `${path}.${i + 1}`)]) {
    let file: FileHandle | undefined;
    try {
      file = await open(name, 'r');
      const { ino, size } = await file.stat();
      const inode = ino.toString(36);
      if (files.has(inode)) await file.close();
      else files.set(inode, { file, inode, size });
    } catch (error) {
      await file?.close();
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') continue;
      for (const other of files.values()) await other.file.close();
      throw error;
    }
  }
  return [...files.values()];
}

function positionOf(text: string): Position | undefined {
  const [, inode, end] = /^([0-9a-z]{1,16})-(\d{1,15})$/.exec(text) ?? [];
  return inode === undefined || end === undefined ? undefined : { inode, end: Number(end) };
}
