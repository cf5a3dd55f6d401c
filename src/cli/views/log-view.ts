/**
 * Prints the end of a log file and follows it, through rotation and from before the file exists.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../command.ts';
import { t } from '../i18n/texts.ts';
import { readableLine } from './log-line.ts';

/** Prints bytes of the log. */
type Print = (bytes: Buffer) => void;

const pollMs = 250;
const blockBytes = 64 * 1024;

export interface LogView {
  readonly path: string;
  /** How many of the last lines to print. */
  readonly lines: number;
  /** Whether to follow until the session is aborted. */
  readonly follow: boolean;
  /** Whether to format lines for people; otherwise the bytes are printed unchanged. */
  readonly readable: boolean;
}

export async function followLog(session: Session, view: LogView): Promise<void> {
  const { path, lines, follow, readable } = view;
  const print = readable ? readablePrinter(session) : rawPrinter(session);
  let file = await openIfThere(path);
  if (file === undefined && !follow) {
    session.terminal.talk(t.proxy.noLog(path));
    return;
  }
  try {
    let position = file === undefined ? 0 : await lastLines(file, lines, print);
    while (follow && !session.signal.aborted) {
      if (file !== undefined) position = await copyFrom(file, position, print);
      await delay(pollMs, undefined, { signal: session.signal }).catch(() => {});
      const moved = file === undefined || (await isAnother(path, file));
      if (!moved) continue;
      const next = await openIfThere(path);
      if (next === undefined) continue;
      // The lines written to the old file before it was moved.
      if (file !== undefined) await copyFrom(file, position, print);
      await file?.close();
      file = next;
      position = 0;
    }
  } finally {
    await file?.close();
  }
}

function rawPrinter({ terminal }: Session): Print {
  // The end of a block may split a character.
  const decoder = new StringDecoder('utf8');
  return (bytes) => terminal.write(decoder.write(bytes));
}

/** Prints whole lines, formatted for people. */
function readablePrinter({ terminal }: Session): Print {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return (bytes) => {
    const lines = (rest + decoder.write(bytes)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) terminal.out(readableLine(line));
  };
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function isAnother(path: string, file: FileHandle): Promise<boolean> {
  try {
    return (await stat(path)).ino !== (await file.stat()).ino;
  } catch {
    // The file was moved away, and the next one does not exist yet.
    return false;
  }
}

/** Prints the last lines. Returns the position after them. */
async function lastLines(file: FileHandle, count: number, print: Print): Promise<number> {
  const { size } = await file.stat();
  let start = size;
  let text = '';
  // One newline more than lines: the newline before the first line.
  while (start > 0 && text.split('\n').length <= count + 1) {
    const from = Math.max(0, start - blockBytes);
    const block = Buffer.alloc(start - from);
    await file.read(block, 0, block.length, from);
    text = block.toString('latin1') + text;
    start = from;
  }
  const wanted = text
    .split('\n')
    .slice(count === 0 ? -1 : -count - 1)
    .join('\n');
  print(Buffer.from(wanted, 'latin1'));
  return size;
}

async function copyFrom(file: FileHandle, position: number, print: Print): Promise<number> {
  const block = Buffer.alloc(blockBytes);
  let at = position;
  for (;;) {
    const { bytesRead } = await file.read(block, 0, block.length, at);
    if (bytesRead === 0) return at;
    print(Buffer.from(block.subarray(0, bytesRead)));
    at += bytesRead;
  }
}
