/**
 * Guarantees that a command shows the secret of a key that it created, even when a later step fails: a proxy does not
 * answer, an error is thrown, standard output cannot be written. The secret is stored nowhere else.
 *
 * Secrets that standard output did not accept are written to standard error.
 */
import type { CreatedKey } from '../core/security/security-service.ts';
import { t } from './i18n/texts.ts';
import { printable } from './terminal/layout.ts';
import type { Terminal } from './terminal/terminal.ts';

export class CreatedSecrets {
  readonly #unseen = new Map<string, CreatedKey>();
  readonly #all: CreatedKey[] = [];

  /** Registers the secret of a key that was just stored. */
  add(made: CreatedKey): void {
    this.#all.push(made);
    this.#unseen.set(made.key, made);
  }

  /** Returns the same terminal, and records which secrets it prints. */
  watched(terminal: Terminal): Terminal {
    const saw = (text: string): string => {
      for (const key of this.#unseen.keys()) if (text.includes(key)) this.#unseen.delete(key);
      return text;
    };
    return {
      ...terminal,
      // The width may change while the command runs.
      get columns() {
        return terminal.columns;
      },
      get tableColumns() {
        return terminal.tableColumns;
      },
      out: (text) => terminal.out(saw(text)),
      write: (text) => terminal.write(saw(text)),
    };
  }

  /** Call this when the command has ended, with or without an error. Returns false if it had to print a secret. */
  async settle(terminal: Terminal): Promise<boolean> {
    if (this.#all.length === 0) return true;
    const failure = await terminal.written();
    const left = failure === undefined ? [...this.#unseen.values()] : this.#all;
    for (const { record, key } of left) {
      const label = printable(record.label);
      terminal.talk(t.self.unseenKey(record.id, label));
      terminal.talk(key);
    }
    return left.length === 0;
  }
}
