/**
 * Asks the user to confirm before a command deletes something. Scripts confirm with `--yes`.
 */
import { type BareSession, usageError } from '../command.ts';
import { t } from '../i18n/texts.ts';

const texts = t.flags.confirm;

/** `effect` is a sentence: `This deletes profile lab.` Throws USAGE if the answer is no or the input is not a terminal. */
export async function confirm(
  session: BareSession,
  command: string,
  effect: string,
  yes: boolean,
): Promise<void> {
  if (yes) return;
  const answer = session.json
    ? undefined
    : await session.terminal.ask(texts.question(effect), session.signal);
  if (answer === undefined) throw usageError(command, texts.needsYes(effect));
  if (!/^y(es)?$/i.test(answer.trim())) throw usageError(command, texts.unchanged);
}
