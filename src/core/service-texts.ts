/** The English texts of the changes that install and remove a service. Japanese: src/cli/i18n/ja/service.ts. */
import { type NamedText, namedTextsOf } from './named-text.ts';

/** Titles of the steps of a plan. Each takes the names in the step, in order. */
export const serviceSteps = {
  stopProxy: (id: string, profile: string): string => `stop ${id} (profile ${profile})`,
  saveSettings: (profile: string): string => `save the settings in profile ${profile}`,
  createUser: (account: string): string => `create the system user ${account}`,
  makeFolder: (folder: string, account: string): string =>
    `make the data folder ${folder}, for ${account} alone`,
  copyData: (user: string): string =>
    `copy the data of ${user}: keys, profiles, policy, usage and certificates`,
  writeUnit: (): string => 'write the unit',
  startAgain: (): string => 'start it again',
  startAtBoot: (): string => 'start it now and at each boot',
  startAtLogin: (): string => 'start it now and at each login',
  runWithoutLogin: (): string => 'let it run without a login, so that it starts at boot',
  stopAndRemove: (unit: string): string => `stop and remove ${unit}`,
  deleteData: (): string => 'delete the data: keys, profiles, usage, certificates',
  deleteUser: (account: string): string => `delete the system user ${account}`,
};

/** What a step shows beside its commands. */
export const serviceRemarks = {
  originalStays: (original: string, copy: string): string => `${original} -> ${copy} (the original stays)`,
  otherFilesStay: (folder: string): string => `(other files in ${folder} stay)`,
};

/** Sentences about steps that are not done, or that the user must do. */
export const serviceNotes = {
  dataStays: (folder: string): string => `The data stays in ${folder}.`,
  dataAndUserStay: (folder: string, account: string): string =>
    `The data stays in ${folder}, and so does the user ${account} that owns it.`,
  copied: (home: string, original: string): string =>
    `From then on \`sudo flm\` works with ${home}, and the data in ${original} is no longer used by the service.`,
  withSudo: (home: string): string => `Manage it with \`sudo flm\`: the data is in ${home}.`,
  noNotify: (): string =>
    'systemd-notify is not installed: the service has no watchdog, and a restart refuses connections.',
  launchd: (): string => 'The launchd support follows the documentation of Apple and is not tested on macOS.',
  launchdLog: (file: string): string => `The log goes to ${file}; nothing rotates it.`,
  launchdUser: (): string => 'A user service runs only while you are logged in.',
  launchdPort: (port: string): string =>
    `macOS lets a user other than root listen on port ${port} on all addresses only (--bind 0.0.0.0).`,
};

export type ServiceStepTitle = NamedText<keyof typeof serviceSteps>;
export type ServiceRemark = NamedText<keyof typeof serviceRemarks>;
export type ServiceNote = NamedText<keyof typeof serviceNotes>;

export const stepTitle = namedTextsOf(serviceSteps);
export const stepRemark = namedTextsOf(serviceRemarks);
export const serviceNote = namedTextsOf(serviceNotes);
