/** Texts of `flm doctor`. */
export const doctor = {
  about:
    'find what is wrong with flm on this machine, and the command that fixes it; exits with 1 if there is an error or a warning, otherwise with 0',
  bundle:
    'also write a support file without secrets: versions, report, configuration, status, last log lines',
  bundled: (file: string): string =>
    `The support file is ${file}. Look at it before you send it: it names your engines, models, domains and addresses.`,
  waiting: 'Asking proxies and engines ...',
  checks: {
    data: 'data folder and disk',
    database: 'database',
    backups: 'scheduled backups',
    limits: 'shared limits',
    clock: 'clock',
    proxies: 'proxies',
    certificates: 'certificates',
    engines: 'engines',
    exposure: 'engines seen from outside',
    policy: 'policy and keys',
    versions: 'versions',
  },
  states: {
    ok: 'ok',
    skipped: 'skipped',
    notice: 'notice',
    warning: 'warning',
    error: 'error',
  },
  /** The last line. */
  summary: (errors: number, warnings: number, notices: number): string => {
    const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;
    const noted = notices === 0 ? '' : `, ${count(notices, 'notice')}`;
    return errors + warnings === 0
      ? `Nothing is wrong${noted}.`
      : `${count(errors, 'error')}, ${count(warnings, 'warning')}${noted}.`;
  },
};
