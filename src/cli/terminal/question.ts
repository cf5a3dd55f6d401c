/**
 * Asks before something is lost. Where nobody can be asked, `--yes` says it.
 */
import { type Session, usageError } from '../command.ts';

/** `effect` is a sentence: `This deletes profile lab.` Throws USAGE where the answer is no, or where nobody can be asked. */
export async function confirm(
  session: Session,
  command: string,
  effect: string,
  yes: boolean,
): Promise<void> {
  if (yes) return;
  const answer = session.json
    ? undefined
    : await session.terminal.ask(`${effect} Continue? [y/N] `, session.signal);
  if (answer === undefined)
    throw usageError(command, `${effect} Run the command again with --yes to confirm.`);
  if (!/^y(es)?$/i.test(answer.trim())) throw usageError(command, 'Nothing was changed.');
}
