/**
 * Makes the backups of the schedule while a proxy runs. A process of its own makes each one, with low priority, so that
 * the proxy serves as before. Of several proxies of one data folder, one makes the backup.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { isDue } from '../../core/backup/backup-schedule.ts';
import type { Clock } from '../../core/clock.ts';
import type { Environment } from '../../core/environment.ts';
import type { Logger } from '../../observe/logger.ts';
import type { ProgramCommand } from '../../process/this-program.ts';
import { readSchedule, readState } from './schedule-files.ts';

const checkEachMs = 60_000;

export interface ScheduledBackupsOptions {
  readonly home: string;
  readonly program: ProgramCommand;
  readonly environment: Environment;
  readonly clock: Pick<Clock, 'nowMs' | 'every'>;
  readonly logger: Pick<Logger, 'event'>;
}

export class ScheduledBackups {
  readonly #options: ScheduledBackupsOptions;
  readonly #stop: () => void;
  #child: ChildProcess | undefined;

  constructor(options: ScheduledBackupsOptions) {
    this.#options = options;
    this.#stop = options.clock.every(checkEachMs, () => this.#check());
  }

  /** Ends a running backup, which leaves no file. */
  close(): void {
    this.#stop();
    this.#child?.kill();
  }

  #check(): void {
    const { home, clock } = this.#options;
    if (this.#child !== undefined) return;
    const schedule = readSchedule(home);
    if (schedule === undefined || !isDue(schedule, readState(home), clock.nowMs())) return;
    this.#child = this.#makeBackup();
  }

  #makeBackup(): ChildProcess {
    const { home, program, environment, logger } = this.#options;
    const child = spawn(program.command, [...program.args, 'backup', 'create', '--scheduled', '--json'], {
      env: { ...environment, FLM_HOME: home },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    const ended = (reason: string | undefined): void => {
      this.#child = undefined;
      if (reason === undefined) logger.event('info', 'backup made', { file: readState(home)?.file ?? null });
      else logger.event('error', 'backup failed', { error: readState(home)?.problem ?? reason });
    };
    child.on('error', (error) => ended(error.message));
    child.on('exit', (code, signal) => {
      if (this.#child !== undefined) ended(code === 0 ? undefined : `it ended with ${code ?? signal}`);
    });
    try {
      if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    } catch {
      // The backup has ended already, or has normal priority.
    }
    return child;
  }
}
