/** Texts of `flm proxy`, and of the start of a proxy. */
export const proxy = {
  about: {
    proxy: 'start, stop and show proxies',
    start: 'start a proxy in the background and wait until it answers',
    stop: 'stop a proxy gracefully: running responses finish first',
    restart:
      'replace a proxy with a new process, with its old flags and the flags given here; no connection is refused, and the old process finishes its responses, without a time limit unless --grace is given',
    status: 'show the running proxies, or one in detail; queries the processes',
    logs: 'print the log of a proxy: readable on a terminal, otherwise JSON lines',
    run: 'run a proxy in the foreground (systemd, containers); logs JSON lines',
  },
  options: {
    profile: 'saved profile',
    proxy: 'id or profile; optional if only one proxy runs',
    proxyOrAll: 'id or profile; by default all',
    proxyOrProfile: 'id or profile',
    save: 'save these flags in the profile',
    logTo: 'standard stream for the log; stderr by default',
    all: 'stop all proxies',
    grace: 'time for running responses to finish; by default the value from the start of the proxy',
    watch: 'update every two seconds until Ctrl-C',
    check: 'exit with 0 only if a proxy serves requests; for health checks',
    fleet: 'show the proxies of all machines that share the database, from their heartbeats',
    lines: 'number of lines from the end',
    follow: 'print new lines until Ctrl-C',
  },
  oneOrAll: 'Either name a proxy or give --all, not both.',
  logOrJson: 'With --log-to stdout, standard output holds the log, so --json is not possible.',
  firstAdminKey: {
    made: (id: string): string => `Created the admin key ${id} from FLM_ADMIN_KEY_FILE.`,
    revoked: (id: string): string =>
      `The admin key in FLM_ADMIN_KEY_FILE (${id}) was revoked and is not created again. Put a new secret into the file.`,
  },
  badLines: '--lines takes a number of lines.',
  badGrace: '--grace takes seconds, 0 to 3600.',
  done: { started: 'Started.', restarted: 'Restarted.', running: 'Running.' },
  stopped: (id: string, profile: string, seconds: string): string =>
    `Stopped ${id} (profile ${profile}) after ${seconds} s.`,
  stoppedWithCuts: (id: string, profile: string, seconds: string, cut: number, running: number): string =>
    `Stopped ${id} (profile ${profile}) after ${seconds} s; ${cut} of ${running} answers were cut at the end of the grace time.`,
  noneRuns: 'No proxy is running.',
  draining: (id: string): string =>
    `${id} finishes its last answers and then ends; \`flm proxy stop ${id}\` ends it sooner.`,
  forgottenRevocation: (key: string): string =>
    `Key ${key} was revoked in its memory alone and is valid again at the next start: run \`flm key revoke ${key}\` once the database can be written.`,
  noLog: (path: string): string => `The log ${path} does not exist yet.`,
  stopping: 'Stopping: running responses may finish. Press Ctrl-C again to end them immediately.',
  crash: {
    state: 'ended without a stop',
    ended: (proxy: string, facts: string): string => `${proxy}, ${facts}`,
    facts: (profile: string, pid: number, started: string): string =>
      `profile ${profile}, pid ${pid}, started ${started}`,
    lastLine: (at: string, profile: string, log: string): string =>
      `The last line of its log is of ${at}: \`flm proxy logs ${profile}\` (${log}).`,
    noLog: 'Its log went to its standard error.',
    clear: (profile: string): string =>
      `The next start of this profile clears this: \`flm proxy start ${profile}\`.`,
  },
};
