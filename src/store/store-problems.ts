/**
 * The current problems of a running store. Reports each kind of problem once, and undefined once when all problems are
 * over. In an outage the reason changes with each try, which would fill the log.
 */
import { FlmError } from '../core/errors.ts';

/** What a store failed to do. */
export type ProblemSource = 'state' | 'usage' | 'totals';

interface Problem {
  /** The same for the same error about the same file or database. */
  readonly kind: string;
  readonly text: string;
}

export class StoreProblems {
  readonly #report: (problems: string | undefined) => void;
  readonly #current = new Map<ProblemSource, Problem>();
  /** The kinds of the problems that were reported last. */
  #reported = '';

  constructor(report: (problems: string | undefined) => void) {
    this.#report = report;
  }

  /** `error` is undefined after a success. */
  set(source: ProblemSource, error: unknown): void {
    if (error === undefined) this.#current.delete(source);
    else this.#current.set(source, problemOf(error));
    const texts = new Map([...this.#current.values()].map(({ kind, text }) => [kind, text]));
    const kinds = [...texts.keys()].sort().join('\n');
    if (kinds === this.#reported) return;
    this.#reported = kinds;
    this.#report([...texts.values()].join(' ') || undefined);
  }
}

/** The error and what to do about it, for people. */
export function problemText(error: unknown): string {
  return error instanceof FlmError ? `${error.message} ${error.hint}` : String(error);
}

function problemOf(error: unknown): Problem {
  const text = problemText(error);
  if (!(error instanceof FlmError)) return { kind: text, text };
  const { file, database = file } = error.params;
  return { kind: `${error.code} ${database}`, text };
}
