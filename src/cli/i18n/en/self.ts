/** Texts of the commands about flm itself, and of messages that any command may print. */
export const self = {
  about: {
    flm: 'show what runs and what to do next',
    upgrade:
      'hand running proxies over to the installed version; with --to, first replace this executable by a verified file',
    uninstall:
      'take back what flm changed on this machine: services, trust in the local CA, with --data the data',
    completion: 'print a script that completes commands, options and names in your shell',
    version: 'print the versions of flm and Node, and the platform',
    help: 'show help on a command',
  },
  options: {
    to: 'executable or package of a release, with SHA256SUMS and SHA256SUMS.sig beside it',
    sha256: 'trust the file with this SHA-256 in place of a signature',
    data: 'delete the data folder as well: keys, profiles, usage, certificates',
    stop: 'stop proxies that run',
    licenses: 'print the licences of all code that flm contains',
    command: 'the command, such as key create',
  },
  upgrade: {
    hashAlone: '--sha256 goes with --to FILE.',
    badHash: '--sha256 takes 64 hexadecimal digits.',
    others: 'To install another version:',
    genuine: 'The file is genuine. Install it with:',
    installed: (version: string, path: string): string => `Installed flm ${version} as ${path}.`,
    capabilities: (capabilities: string): string =>
      `The old file had the capabilities ${capabilities}, and the new one does not have them yet. Run:`,
    noProxy: 'No proxy is running; the next start uses this version.',
    handedOver: (from: string, id: string, profile: string): string =>
      `Handed over ${from} to ${id} (profile ${profile}).`,
    failed: (id: string, profile: string, reason: string): string =>
      `${id} (profile ${profile}) continues to serve as before: ${reason}`,
  },
  uninstall: {
    program: 'Remove the program itself the way you installed it: docs/install.md.',
    dataStays: (folder: string): string => `The data stays in ${folder}; --data deletes it.`,
    serviceStays: 'The service of the whole machine stays: `sudo flm uninstall` removes it.',
    proxy: (id: string, profile: string): string => `${id} (profile ${profile})`,
    stopQuestion: (proxies: string): string => `These proxies run: ${proxies}. Stop them? [y/N] `,
  },
  completion: {
    unknownShell: (shell: string, shells: string): string =>
      `Completion does not support ${shell}. Use one of: ${shells}.`,
  },
  otherFlm: (path: string): string =>
    `The command flm in your PATH is another program (${path}; FastFlowLM has the same name). Type flm-proxy instead of flm.`,
  unseenKey: (id: string, label: string): string =>
    `Key ${id} for ${label} was created but not shown yet. Save it now: it is shown only once.`,
};
