/**
 * Environment variables as functions take them. `src/cli/environment.ts` is the only file that reads the process's own.
 */
export type Environment = Readonly<Record<string, string | undefined>>;
