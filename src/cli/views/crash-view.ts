/**
 * Shows a proxy that ended without a stop: it was killed, it failed, or the machine went down. The time of its end is
 * unknown; the last line of its log is the last known time.
 */
import type { CrashDocument } from '../../core/proxy/proxy-document.ts';
import { crashWarning } from '../../core/proxy/warnings.ts';
import { moment } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function crashText(crash: CrashDocument, { paint }: Terminal): string {
  const { id, profile, pid, startedAt, lastSeenAt, log } = crash;
  const seen =
    lastSeenAt === null
      ? 'Its log went to its standard error.'
      : `The last line of its log is of ${moment(Date.parse(lastSeenAt))}: \`flm proxy logs ${profile}\` (${log}).`;
  return [
    `${paint('bold', id)}  ${paint('red', 'ended without a stop')}, profile ${profile}, pid ${pid}, started ${moment(Date.parse(startedAt))}`,
    `  ${paint('red', '!')} ${crashWarning(profile).message} ${seen}`,
    `  The next start of this profile clears this: \`flm proxy start ${profile}\`.`,
  ].join('\n');
}
