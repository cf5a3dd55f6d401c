/**
 * Sees to it that the secret of a key that a command made is shown, whatever fails after it was stored: a proxy that does
 * not answer, an error in a later step, a standard output that cannot be written. It exists nowhere else.
 *
 * What standard output did not take goes to standard error.
 */
import type { CreatedKey } from '../core/security/security-service.ts';
import { printable } from './terminal/layout.ts';
import type { Terminal } from './terminal/terminal.ts';

export class MadeSecrets {
  readonly #unseen = new Map<string, CreatedKey>();
  readonly #all: CreatedKey[] = [];

  /** A key is stored from now on. */
  add(made: CreatedKey): void {
    this.#all.push(made);
    this.#unseen.set(made.key, made);
  }

  /** The same terminal, watched for secrets that are shown. */
  watched(terminal: Terminal): Terminal {
    const saw = (text: string): string => {
      for (const key of this.#unseen.keys()) if (text.includes(key)) this.#unseen.delete(key);
      return text;
    };
    return {
      ...terminal,
      out: (text) => terminal.out(saw(text)),
      write: (text) => terminal.write(saw(text)),
    };
  }

  /** To be called when the command is over, however it ended. False where a secret had to be shown here. */
  async settle(terminal: Terminal): Promise<boolean> {
    if (this.#all.length === 0) return true;
    const failure = await terminal.written();
    const left = failure === undefined ? [...this.#unseen.values()] : this.#all;
    for (const { record, key } of left) {
      const label = printable(record.label);
      terminal.talk(
        `Key ${record.id} for ${label} was made, and not shown yet. Keep it: it is shown this once.`,
      );
      terminal.talk(key);
    }
    return left.length === 0;
  }
}
