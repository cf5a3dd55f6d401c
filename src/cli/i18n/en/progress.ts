/** What a command waits for, and how long. */
export const progress = {
  acme: (domains: string): string => `Waiting for the CA to validate ${domains}`,
  stop: 'Waiting for running responses to finish',
  successor: 'Waiting for the new process to serve',
  firstToken: 'waiting for the first token',
  firstTokenWhile: (why: string): string => `waiting for the first token, ${why}`,
  loading: 'loading the model',
  mayLoad: 'the model may be loading',
  elapsed: (text: string, time: string): string => `${text} (${time})`,
  elapsedOf: (time: string, most: string): string => `${time} of at most ${most}`,
  plain: (text: string, most: string | undefined): string =>
    most === undefined ? `${text} ...` : `${text} (${most} at most) ...`,
  systemService: (home: string): string => `Data of the system service: ${home}`,
  migrating: (file: string, size: string): string =>
    `Updating ${file} (${size}) to this version, with a backup first ...`,
  migrated: (time: string): string => `Updated in ${time}.`,
};
