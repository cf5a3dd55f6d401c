/**
 * Asks before something is lost. Where nobody can be asked, `--yes` says it.
 */
import { type Session, usageError } from './command.ts';

/** Throws USAGE where the answer is no, or where nobody can be asked. */
export async function confirm(
  session: Session,
  command: string,
  question: string,
  yes: boolean,
): Promise<void> {
  if (yes) return;
  const answer = session.json ? undefined : await session.terminal.ask(`${question} [y/N] `, session.signal);
  if (answer === undefined) throw usageError(command, `${question} Give --yes if that is meant.`);
  if (!/^y(es)?$/i.test(answer.trim())) throw usageError(command, 'Nothing was changed.');
}
