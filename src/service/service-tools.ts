/**
 * The files and programs of this machine that a service needs, passed in so that no test changes a real machine; and the
 * steps of a plan, which the user sees before they are taken.
 */
import { join } from 'node:path';
import { ServiceError } from '../core/errors.ts';
import { type ServiceRemark, type ServiceStepTitle, stepRemark, stepTitle } from '../core/service-texts.ts';
import { shellWord } from '../core/shell-word.ts';

export type Words = readonly [program: string, ...args: readonly string[]];

export interface RunResult {
  /** Null if the program could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FileFacts {
  readonly uid: number;
  readonly mode: number;
  readonly isFolder: boolean;
}

export interface ServiceTools {
  readonly platform: NodeJS.Platform;
  /** 0 is root; undefined on Windows. */
  readonly uid: number | undefined;
  readonly userName: string;
  /** The person who runs this command as root by sudo. */
  readonly sudoUser: string | undefined;
  readonly userHome: string;
  /** The folder for settings of this user: XDG_CONFIG_HOME. */
  readonly configHome: string;
  /** The data folder of this user. */
  readonly ownData: string;
  /** The data folder of a system service. */
  readonly systemData: string;
  /** How this flm is started. */
  readonly program: Words;
  /** Undefined if the file cannot be read. */
  read(path: string): string | undefined;
  /** Names in a folder; empty if the folder does not exist. */
  list(folder: string): readonly string[];
  /** Follows links; undefined if the path does not exist. */
  facts(path: string): FileFacts | undefined;
  /** Writes a file that everyone may read, and its folders. */
  write(path: string, text: string): void;
  remove(path: string): void;
  /** Removes a folder with everything in it. */
  removeFolder(path: string): void;
  copyData(source: string, target: string, owner: { readonly uid: number; readonly gid: number }): void;
  run(command: Words): Promise<RunResult>;
  /** Words that follow "is already in use"; undefined if the port is free. */
  portHolder(address: string, port: number): Promise<string | undefined>;
  /** Runs this flm with that data folder. If started as root, flm switches to the owner of the folder. */
  flm(home: string, args: readonly string[]): Promise<RunResult>;
}

/** One change of this machine. */
export interface ServiceStep {
  readonly title: ServiceStepTitle;
  /** Commands and files, as the user sees them. */
  readonly details: readonly string[];
  /** Shown after the details. */
  readonly remark?: ServiceRemark;
  /** Throws a `ServiceError`. */
  make(): Promise<void>;
}

/** Returns a step that runs commands and stops at the first failure. */
export function commandStep(
  tools: ServiceTools,
  title: ServiceStepTitle,
  commands: readonly Words[],
): ServiceStep {
  return {
    title,
    details: commands.map(wordsText),
    async make() {
      for (const command of commands) await mustRun(tools, command);
    },
  };
}

/** Returns a step that runs this flm with another data folder. */
export function flmStep(
  tools: ServiceTools,
  title: ServiceStepTitle,
  home: string,
  args: readonly string[],
): ServiceStep {
  return {
    title,
    details: [`FLM_HOME=${shellWord(home)} flm ${args.map(shellWord).join(' ')}`],
    async make() {
      const result = await tools.flm(home, args);
      if (result.code !== 0) throw stepFailed(`flm ${args.join(' ')}`, result);
    },
  };
}

/** The files and folders that flm writes into a data folder. */
const ownName = /^((flm|usage)\.db(-wal|-shm|-journal)?|run|logs|tls|backups|connect)$/;

/** By mistake FLM_HOME may name a folder with other files. Those files and the folder stay. */
export function deleteDataStep(tools: ServiceTools, home: string): ServiceStep {
  const own = (): readonly string[] => {
    const names = tools.list(home);
    const ours = names.filter((name) => ownName.test(name));
    return ours.length === names.length ? [home] : ours.map((name) => join(home, name));
  };
  const planned = own();
  return {
    title: stepTitle('deleteData'),
    details: planned.map((path) => `rm -r ${shellWord(path)}`),
    ...(planned[0] === home ? {} : { remark: stepRemark('otherFilesStay', home) }),
    async make() {
      for (const path of own()) tools.removeFolder(path);
    },
  };
}

/** Throws a `ServiceError` SERVICE_STEP_FAILED. */
export async function mustRun(tools: ServiceTools, command: Words): Promise<RunResult> {
  const result = await tools.run(command);
  if (result.code !== 0) throw stepFailed(wordsText(command), result);
  return result;
}

export function wordsText(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

function stepFailed(command: string, { code, stderr, stdout }: RunResult): ServiceError {
  const said = (stderr.trim() || stdout.trim()).replace(/\.$/, '').replaceAll('\n', ' ');
  const how = code === null ? 'the program cannot be started' : `it ended with ${code}`;
  return new ServiceError('SERVICE_STEP_FAILED', {
    params: { command, reason: said === '' ? how : `${how} (${said})` },
  });
}
