/** Texts of `flm service`. */
import { serviceNotes, serviceRemarks, serviceSteps } from '../../../core/service-texts.ts';

export const service = {
  about: {
    service: 'run a proxy as a service of the system, started at boot',
    install:
      'install a service of systemd (on macOS launchd, not tested) and start it: for the machine as root, otherwise for you',
    uninstall: 'stop a service and remove it; its data stays unless --data is given',
    status: 'the state of the service, and what the proxy reports itself',
    logs: 'the log of the service: from the journal, on macOS from its file',
  },
  options: {
    profileToRun: 'profile that the service runs',
    profile: 'profile of the service',
    account: 'system user that a system service runs as; created if missing',
    copyData: 'as root by sudo: copy your keys, profiles and certificates to the service',
    socket: 'systemd opens the listening sockets; ports below 1024 always need it (not on macOS)',
    noSocket: 'the proxy opens its sockets itself',
    stop: 'stop proxies that are in the way',
    replace: 'overwrite a unit that differs',
    dryRun: 'show what would be done, and change nothing',
    yes: 'do not ask',
    data: 'delete the data folder and the user of a system service as well',
    lines: 'how many of the last lines',
    follow: 'go on until Ctrl-C',
    system: 'the service of the whole machine (needs root); the default for root',
    user: 'a service of your own user; the default otherwise',
  },
  badLines: '--lines takes a number of lines.',
  oneKind: 'Give --system or --user, not both.',
  nothingToCopy:
    'There is nothing to copy: --copy-data needs a system service without data of its own, and a user with data of flm who runs the command with sudo.',
  copyQuestion: (user: string, folder: string): string =>
    `${user} has keys, profiles and certificates in ${folder}. Copy them to the service? [Y/n] `,
  notCopied: (user: string, folder: string): string =>
    `${user} has keys, profiles and certificates in ${folder}. The service starts without them; --copy-data copies them.`,
  /** `problem` is a sentence: proxies that run. */
  stopQuestion: (problem: string): string => `${problem} Stop them? [y/N] `,
  nothing: 'There is nothing to change.',
  wouldBeDone: 'This would be done:',
  willBeDone: 'This will be done:',
  effect: 'This changes the services of this machine.',
  done: (step: string): string => `Done: ${step}.`,
  onlyOwner: (account: string): string =>
    `Only ${account} and root can ask the proxy itself: sudo flm service status`,
  itsOwner: 'its owner',
  facts: {
    service: 'service',
    state: 'state',
    process: 'process',
    restarts: 'restarts',
    atBoot: 'at boot',
    since: 'since',
    says: 'says',
    profile: 'profile',
    unit: 'unit',
    data: 'data',
  },
  yes: 'yes',
  no: 'no',
  ofUser: (folder: string, account: string): string => `${folder} (user ${account})`,
  steps: serviceSteps,
  remarks: serviceRemarks,
  notes: serviceNotes,
};
