/**
 * Shows a proxy that ended without a stop: it was killed, it failed, or the machine went down. The time of its end is
 * unknown; the last line of its log is the last known time.
 */
import type { CrashDocument } from '../../core/proxy/proxy-document.ts';
import { crashWarning } from '../../core/proxy/warnings.ts';
import { t } from '../i18n/texts.ts';
import { translated } from '../i18n/translated.ts';
import { moment } from '../terminal/layout.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function crashText(crash: CrashDocument, { paint }: Terminal): string {
  const { id, profile, pid, startedAt, lastSeenAt, log } = crash;
  const texts = t.proxy.crash;
  const seen =
    lastSeenAt === null ? texts.noLog : texts.lastLine(moment(Date.parse(lastSeenAt)), profile, log ?? '');
  return [
    texts.ended(
      `${paint('bold', id)}  ${paint('red', texts.state)}`,
      texts.facts(profile, pid, moment(Date.parse(startedAt))),
    ),
    `  ${paint('red', '!')} ${translated(crashWarning(profile).message)} ${seen}`,
    `  ${texts.clear(profile)}`,
  ].join('\n');
}
