/**
 * Shows a proxy that ended without a stop: it was killed, it failed, or the machine went down. The time of its end is
 * unknown; the last line of its log is the last known time.
 */
import { stat } from 'node:fs/promises';
import type { ProxyHandle } from '../../core/proxy/proxy-handle.ts';
import type { Session } from '../command.ts';
import { moment } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** The `--json` output; documented in docs/cli.md. */
export interface CrashDocument {
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  readonly profile: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** ISO 8601; the time of the last write to its log, null if its log is not a file of flm. */
  readonly lastSeenAt: string | null;
  /** The log file; null if its log went to its standard error. */
  readonly log: string | null;
}

export async function crashesOf(session: Session): Promise<readonly CrashDocument[]> {
  const { proxies, machine } = session.flm;
  return Promise.all(
    (await proxies.crashed()).map((handle) => crashDocument(handle, machine.paths.logFile(handle.profile))),
  );
}

async function crashDocument(handle: ProxyHandle, log: string): Promise<CrashDocument> {
  const { id, pid, port, profile, startedAtMs } = handle;
  const writtenAtMs = await stat(log).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  // An older file belongs to another run; this one logged elsewhere.
  const own = writtenAtMs >= startedAtMs;
  return {
    id,
    pid,
    port,
    profile,
    startedAt: new Date(startedAtMs).toISOString(),
    lastSeenAt: own ? new Date(writtenAtMs).toISOString() : null,
    log: own ? log : null,
  };
}

export function crashText(crash: CrashDocument, { paint }: Terminal): string {
  const { id, profile, pid, startedAt, lastSeenAt, log } = crash;
  const seen =
    lastSeenAt === null
      ? 'Its log went to its standard error.'
      : `The last line of its log is of ${moment(Date.parse(lastSeenAt))}: \`flm proxy logs ${profile}\` (${log}).`;
  return [
    `${paint('bold', id)}  ${paint('red', 'ended without a stop')}, profile ${profile}, pid ${pid}, started ${moment(Date.parse(startedAt))}`,
    `  ${paint('red', '!')} It was killed (out of memory, kill -9), it failed, or the machine went down. ${seen}`,
    `  The next start of this profile clears this: \`flm proxy start ${profile}\`.`,
  ].join('\n');
}
