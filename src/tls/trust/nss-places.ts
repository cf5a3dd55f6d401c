/** The NSS certificate stores: Chromium-based browsers on Linux share one, and each Firefox profile has its own. */

import { type TrustStoreTitle, trustObstacle, trustStoreTitle } from '../../core/trust-texts.ts';
import {
  type TrustCommand,
  type TrustedFile,
  type TrustPlace,
  type TrustTools,
  trustName,
} from './trust-place.ts';

interface NssStore {
  readonly title: TrustStoreTitle;
  readonly folder: string;
  /** The store does not exist yet. Its browser creates the store at its first start. */
  readonly absent: boolean;
}

const chromiumPrograms = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'brave-browser',
  'microsoft-edge',
];

export async function nssPlaces(tools: TrustTools, ca: TrustedFile): Promise<readonly TrustPlace[]> {
  const stores = await nssStores(tools);
  if (stores.length === 0) return [];
  const certutil = await tools.findProgram('certutil');
  const name = trustName(ca.certificate);
  return Promise.all(
    stores.map(async ({ title, folder, absent }): Promise<TrustPlace> => {
      const db = `sql:${folder}`;
      const make: TrustCommand[] = absent
        ? [
            ['mkdir', '-p', folder],
            ['certutil', '-N', '-d', db, '--empty-password'],
          ]
        : [];
      const present =
        certutil !== undefined &&
        !absent &&
        (await tools.run(['certutil', '-L', '-d', db, '-n', name])).code === 0;
      return {
        title,
        present,
        // C: trusted for server certificates only.
        adds: [...make, ['certutil', '-A', '-d', db, '-t', 'C,,', '-n', name, '-i', ca.file]],
        removes: [['certutil', '-D', '-d', db, '-n', name]],
        system: false,
        database: db,
        ...(certutil === undefined ? { obstacle: trustObstacle('certutilMissing') } : {}),
      };
    }),
  );
}

async function nssStores(tools: TrustTools): Promise<readonly NssStore[]> {
  const { home, platform } = tools;
  const stores: NssStore[] = [];
  if (platform === 'linux') {
    const shared = `${home}/.pki/nssdb`;
    const there = tools.exists(`${shared}/cert9.db`);
    const programs = await Promise.all(chromiumPrograms.map((program) => tools.findProgram(program)));
    if (there || programs.some((path) => path !== undefined))
      stores.push({ title: trustStoreTitle('chromium'), folder: shared, absent: !there });
    const snap = `${home}/snap/chromium/current/.pki/nssdb`;
    if (tools.exists(`${snap}/cert9.db`))
      stores.push({ title: trustStoreTitle('chromiumSnap'), folder: snap, absent: false });
  }
  const firefox =
    platform === 'darwin'
      ? [`${home}/Library/Application Support/Firefox/Profiles`]
      : [
          `${home}/.mozilla/firefox`,
          `${home}/snap/firefox/common/.mozilla/firefox`,
          `${home}/.var/app/org.mozilla.firefox/.mozilla/firefox`,
        ];
  for (const parent of firefox) {
    for (const profile of tools.list(parent)) {
      const folder = `${parent}/${profile}`;
      if (tools.exists(`${folder}/cert9.db`))
        stores.push({ title: trustStoreTitle('firefox', profile), folder, absent: false });
    }
  }
  return stores;
}
