/**
 * The English names of the places where this machine can trust a CA, and the reasons why a place cannot be changed.
 * Japanese: src/cli/i18n/ja/cert.ts.
 */
import { type NamedText, namedTextsOf } from './named-text.ts';

export const trustStores = {
  debian: (): string => 'this system (Debian, Ubuntu): curl, Python, Go, Node with --use-system-ca',
  fedora: (): string => 'this system (Fedora, RHEL): curl, Python, Go, Node with --use-system-ca',
  arch: (): string => 'this system (Arch): curl, Python, Go, Node with --use-system-ca',
  suse: (): string => 'this system (SUSE): curl, Python, Go, Node with --use-system-ca',
  macos: (): string => 'this user on macOS: Safari, Chrome, curl, Node with --use-system-ca',
  chromium: (): string => 'Chromium, Chrome, Brave, Edge',
  chromiumSnap: (): string => 'Chromium (snap)',
  firefox: (profile: string): string => `Firefox, profile ${profile}`,
};

export const trustObstacles = {
  updaterMissing: (program: string): string => `${program} is missing: install the package ca-certificates`,
  certutilMissing: (): string => 'certutil is missing: install the package libnss3-tools (nss-tools, nss)',
  needsRoot: (): string => 'only root may change this store: run the command as root',
};

export type TrustStoreTitle = NamedText<keyof typeof trustStores>;
export type TrustObstacle = NamedText<keyof typeof trustObstacles>;

export const trustStoreTitle = namedTextsOf(trustStores);
export const trustObstacle = namedTextsOf(trustObstacles);
