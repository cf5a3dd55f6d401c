/**
 * The type of environment variables for functions that take them as a parameter. Only `src/cli/environment.ts` reads
 * the variables of the process.
 */
export type Environment = Readonly<Record<string, string | undefined>>;
