/** Texts of `flm doctor`. */
export const doctor = {
  about:
    'find what is wrong with flm on this machine, and the command that fixes it; exits with 1 if there is an error or a warning, otherwise with 0',
  waiting: 'Asking proxies and engines ...',
  checks: {
    data: 'data folder and disk',
    database: 'database',
    backups: 'scheduled backups',
    limits: 'shared limits',
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
