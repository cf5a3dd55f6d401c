/**
 * Writes the log of `flm proxy run` to a standard stream, as JSON lines only. A reader of the stream that stalls costs
 * bounded memory and never delays the proxy.
 */
import { fstatSync } from 'node:fs';
import { systemClock } from '../core/clock.ts';
import { createLogger, type Logger } from '../observe/logger.ts';
import { LogFile } from '../process/log-file.ts';
import { logNodeWarnings } from '../process/log-line.ts';
import { LogStream } from '../process/log-stream.ts';
import type { ProxyLog } from './proxy-parts.ts';

export interface RunLog {
  readonly proxyLog: ProxyLog;
  readonly event: Logger['event'];
  /**
   * Stops accepting lines. Returns false if the waiting lines could not be written within a second; they keep the
   * process alive.
   */
  close(): Promise<boolean>;
  /** An unfinished write to a file keeps the process alive even in `process.exit`. */
  readonly isFile: boolean;
}

/** Stdout or stderr of this process. */
type StandardStream = NodeJS.WriteStream & { readonly fd: 1 | 2 };

/** Also writes Node's own warnings as lines of this log. */
export function openRunLog(stream: StandardStream): RunLog {
  const destination = openStreamLog(stream);
  logNodeWarnings((line) => destination.write(line));
  const { event } = createLogger({ destination, level: 'info' });
  return {
    proxyLog: { destination, level: 'info', descriptor: stream.fd },
    event,
    close: () => destination.close(),
    isFile: isFile(stream.fd),
  };
}

/**
 * A standard stream as the log of a proxy. `inherited`: the stream is shared with a predecessor. Node makes the standard
 * streams of a process blocking again when the process ends, for all that share them.
 */
export function openStreamLog(stream: StandardStream, inherited = false): LogFile | LogStream {
  const clock = systemClock;
  // Node writes to files synchronously, and its own stream never recovers from a full disk.
  return isFile(stream.fd)
    ? new LogFile({ fd: stream.fd, clock })
    : new LogStream({ stream, clock, ...(inherited ? { beforeWrite: () => unblock(stream) } : {}) });
}

/** One system call. Node has no public function for it. A terminal is always blocking. */
function unblock(stream: NodeJS.WriteStream): void {
  if (!('_handle' in stream) || stream.isTTY) return;
  // net.Socket has this handle until it is closed.
  const handle = stream._handle as { setBlocking?(blocking: boolean): number } | null;
  handle?.setBlocking?.(false);
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}
