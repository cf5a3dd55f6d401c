/**
 * The end of a log file, and what is added to it: through rotation, and where there is no file yet.
 */
import { type FileHandle, open, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from './command.ts';

const pollMs = 250;
const blockBytes = 64 * 1024;

export async function followLog(
  session: Session,
  path: string,
  lines: number,
  follow: boolean,
): Promise<void> {
  let file = await openIfThere(path);
  if (file === undefined && !follow) {
    session.terminal.talk(`There is no log at ${path} yet.`);
    return;
  }
  try {
    let position = file === undefined ? 0 : await lastLines(file, lines, session);
    while (follow && !session.signal.aborted) {
      if (file !== undefined) position = await copyFrom(file, position, session);
      await delay(pollMs, undefined, { signal: session.signal }).catch(() => {});
      const moved = file === undefined || (await isAnother(path, file));
      if (!moved) continue;
      const next = await openIfThere(path);
      if (next === undefined) continue;
      // What was written to the old one before it was moved.
      if (file !== undefined) await copyFrom(file, position, session);
      await file?.close();
      file = next;
      position = 0;
    }
  } finally {
    await file?.close();
  }
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
    // Moved away, and the next one not made yet.
    return false;
  }
}

/** Prints the last lines; gives the position behind them. */
async function lastLines(file: FileHandle, count: number, session: Session): Promise<number> {
  const { size } = await file.stat();
  let start = size;
  let text = '';
  // One newline more than lines: that before the first of them.
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
  session.terminal.write(Buffer.from(wanted, 'latin1').toString());
  return size;
}

async function copyFrom(file: FileHandle, position: number, session: Session): Promise<number> {
  const block = Buffer.alloc(blockBytes);
  let at = position;
  for (;;) {
    const { bytesRead } = await file.read(block, 0, block.length, at);
    if (bytesRead === 0) return at;
    session.terminal.write(block.toString('utf8', 0, bytesRead));
    at += bytesRead;
  }
}
