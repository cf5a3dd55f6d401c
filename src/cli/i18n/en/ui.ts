/** Texts of `flm ui`. */
export const ui = {
  /** Of the page that opens the dashboard. */
  language: 'en',
  help: 'open the dashboard in the browser; it ends with this command',
  options: {
    port: 'port on 127.0.0.1; by default a free one',
    noOpen: 'print the link and open no browser',
  },
  port: '--port takes a number, 0 to 65535.',
  dashboard: (url: string): string => `Dashboard: ${url}`,
  openOnce: 'Open this link once, within two minutes:',
  ends: 'Ctrl-C ends it. Only this machine can reach it.',
  open: 'Open the dashboard',
};
