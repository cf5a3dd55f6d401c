/**
 * Makes the first admin key of a machine without a shell, from the secret in the file that FLM_ADMIN_KEY_FILE names.
 * Runs before a proxy starts, so that the key works from the first request on.
 */
import { ProxyError } from '../core/errors.ts';
import type { Session } from './command.ts';
import { t } from './i18n/texts.ts';

const texts = t.proxy.firstAdminKey;

/** Throws FILE_UNUSABLE if the file cannot be read, or KEY_INVALID if its secret is weak. */
export async function makeFirstAdminKey({ cli, flm, terminal }: Session): Promise<void> {
  const file = cli.environment.FLM_ADMIN_KEY_FILE;
  if (file === undefined || file === '') return;
  const secret = flm.machine.readSecret({ from: 'file', path: file })?.trim();
  if (secret === undefined || secret === '') {
    const reason = secret === '' ? 'it is empty' : 'it does not exist, or this user may not read it';
    throw new ProxyError('FILE_UNUSABLE', { params: { file, done: 'read', reason } });
  }
  const { made, revoked } = await flm.security.ensureAdminKey(secret);
  if (made !== undefined) terminal.talk(texts.made(made.id));
  if (revoked !== undefined) terminal.talk(`${terminal.paint('yellow', '!')} ${texts.revoked(revoked.id)}`);
}
