/** Opens files that a user names. Ctrl-C ends the wait for a named pipe that no program writes to. */
import { closeSync, constants, createReadStream, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';

/** The bytes of a file. Throws errors of the file system; an abort is an error of the stream. */
export function openNamed(path: string, signal: AbortSignal): Readable {
  // Otherwise, opening a pipe without a writer blocks the process, and reading it a thread that even an exit waits for.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    return addAbortSignal(signal, streamOf(path, file));
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function streamOf(path: string, fd: number): Readable {
  if (isatty(fd)) return new ReadStream(fd);
  if (fstatSync(fd).isFIFO()) return new Socket({ fd, readable: true, writable: false });
  return createReadStream(path, { fd });
}
