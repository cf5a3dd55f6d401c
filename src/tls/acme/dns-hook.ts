/**
 * dns-01 (RFC 8555, section 8.4) with a program of the user:
 *
 *   COMMAND add NAME VALUE      sets the TXT record and exits when the domain's name servers serve it
 *   COMMAND remove NAME VALUE   removes it
 *
 * The command is split at spaces, with quotes around words that contain spaces; no shell is involved. Its output goes
 * to the log. At its time limit the program is killed with all its child processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../../core/clock.ts';
import { within } from '../../core/deadline.ts';
import type { Environment } from '../../core/environment.ts';
import { AcmeFailure, printableExcerpt } from './acme-failure.ts';
import { type ChallengeProof, type Prover, sha256 } from './prover.ts';

export interface DnsHookDeps {
  readonly command: string;
  readonly clock: Clock;
  /** What the program needs of it: its own keys, PATH. Nothing that lets it speak to the supervisor of the proxy. */
  readonly env: Environment;
  /** A line that the program printed. */
  readonly print: (line: string) => void;
}

const hookMs = 60_000;
const removeMs = 15_000;
const maxPrintedBytes = 16 * 1024;

export class DnsHook implements Prover {
  readonly type = 'dns-01';
  readonly #deps: DnsHookDeps;

  constructor(deps: DnsHookDeps) {
    this.#deps = deps;
  }

  requirement(domain: string): string {
    return `the hook sets the TXT record of _acme-challenge.${domain}, and exits only when the domain's name servers serve it`;
  }

  async show({ domain, authorization }: ChallengeProof, signal: AbortSignal): Promise<() => Promise<void>> {
    const name = `_acme-challenge.${domain}`;
    const value = sha256(authorization).toString('base64url');
    const takeAway = async (): Promise<void> => {
      try {
        // Also after an abort: otherwise the record would stay.
        await this.#run('remove', name, value, removeMs, new AbortController().signal);
      } catch (error) {
        this.#deps.print(error instanceof Error ? error.message : String(error));
      }
    };
    try {
      await this.#run('add', name, value, hookMs, signal);
    } catch (error) {
      await takeAway();
      throw error;
    }
    return takeAway;
  }

  async #run(how: 'add' | 'remove', name: string, value: string, limitMs: number, signal: AbortSignal) {
    const [program = '', ...args] = commandWords(this.#deps.command);
    const late = (): Error => failed(`it took longer than ${limitMs / 1000} s to ${how} ${name}`);
    await within(this.#deps.clock, limitMs, signal, late, async (limited) => {
      limited.throwIfAborted();
      // In a group of its own, so that what it began ends with it.
      const child = spawn(program, [...args, how, name, value], {
        cwd: '/',
        env: { ...this.#deps.env },
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        windowsHide: true,
      });
      const end = (): void => killGroup(child);
      limited.addEventListener('abort', end, { once: true });
      try {
        const { ending, last } = await ended(child, this.#deps.print);
        limited.throwIfAborted();
        if (ending !== undefined)
          throw failed(
            `${how} ${name}: ${ending}${last === '' ? '' : `, after it printed "${printableExcerpt(last)}"`}`,
          );
      } finally {
        limited.removeEventListener('abort', end);
      }
    });
  }
}

/** Splits words as a shell does; only spaces and quotes are special. */
export function commandWords(command: string): readonly string[] {
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|[^\s"']+/g)].map((m) => m[1] ?? m[2] ?? m[0]);
}

/** `ending` in words; undefined after a success. */
function ended(
  child: ChildProcess,
  print: (line: string) => void,
): Promise<{ readonly ending: string | undefined; readonly last: string }> {
  let left = maxPrintedBytes;
  let last = '';
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    const tell = (line: string): void => {
      if (line.trim() === '') return;
      last = line;
      print(printableExcerpt(line));
    };
    stream?.setEncoding('utf8').on('data', (text: string) => {
      // Keeps reading, so that the program does not block on a full pipe.
      if (left <= 0) return;
      const lines = (rest + text.slice(0, left)).split('\n');
      left -= text.length;
      rest = lines.pop() ?? '';
      for (const line of lines) tell(line);
    });
    stream?.on('end', () => tell(rest));
  }
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ ending: `it cannot be run (${error.code ?? error.message})`, last }),
    );
    child.once('close', (code, signal) =>
      resolve({ ending: code === 0 ? undefined : (signal ?? `exit status ${code}`), last }),
    );
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function failed(what: string): AcmeFailure {
  return new AcmeFailure({
    step: 'challenge',
    reason: `the DNS hook failed: ${what}`,
    fix: 'Run the hook by hand as `COMMAND add NAME VALUE`.',
  });
}
