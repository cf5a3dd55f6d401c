/**
 * Finds the places where this machine can trust a CA, with the commands that change them: the system's store (Debian,
 * Fedora, Arch, SUSE and their derivatives; macOS) and the NSS stores of browsers. The commands shown to the user are
 * exactly the commands that run.
 */
import { CertificateError } from '../../core/errors.ts';
import { trustObstacle, trustStoreTitle } from '../../core/trust-texts.ts';
import { nssPlaces } from './nss-places.ts';
import {
  commandText,
  type TrustCommand,
  type TrustedFile,
  type TrustPlace,
  type TrustTools,
  trustName,
} from './trust-place.ts';

interface SystemStore {
  readonly id: 'debian' | 'fedora' | 'arch' | 'suse';
  readonly folder: string;
  readonly update: TrustCommand;
  readonly updateAfterRemoval: TrustCommand;
}

const linuxStores: readonly SystemStore[] = [
  {
    id: 'debian',
    folder: '/usr/local/share/ca-certificates',
    update: ['update-ca-certificates'],
    // Without this option, links to removed certificates stay.
    updateAfterRemoval: ['update-ca-certificates', '--fresh'],
  },
  {
    id: 'fedora',
    folder: '/etc/pki/ca-trust/source/anchors',
    update: ['update-ca-trust', 'extract'],
    updateAfterRemoval: ['update-ca-trust', 'extract'],
  },
  {
    id: 'arch',
    folder: '/etc/ca-certificates/trust-source/anchors',
    update: ['trust', 'extract-compat'],
    updateAfterRemoval: ['trust', 'extract-compat'],
  },
  {
    id: 'suse',
    folder: '/usr/share/pki/trust/anchors',
    update: ['update-ca-certificates'],
    updateAfterRemoval: ['update-ca-certificates'],
  },
];

export async function trustPlaces(tools: TrustTools, ca: TrustedFile): Promise<readonly TrustPlace[]> {
  if (tools.platform === 'darwin') return [await keychain(tools, ca), ...(await nssPlaces(tools, ca))];
  if (tools.platform !== 'linux') return [];
  return [...(await systemStore(tools, ca)), ...(await nssPlaces(tools, ca))];
}

/**
 * Runs the commands for one trust store. Throws a `CertificateError` CERT_TRUST_FAILED at the first command that fails.
 */
export async function change(tools: TrustTools, place: TrustPlace, how: 'add' | 'remove'): Promise<void> {
  for (const command of how === 'add' ? place.adds : place.removes) {
    const { code, stderr } = await tools.run(command, { terminal: true });
    if (code === 0) continue;
    const said = stderr.trim().split('\n').at(-1) ?? '';
    const reason = `${commandText(command)} ${code === null ? 'cannot be run' : `ended with ${code}`}${said === '' ? '' : ` (${said})`}`;
    throw new CertificateError('CERT_TRUST_FAILED', { params: { place: place.title.text, reason } });
  }
}

async function systemStore(tools: TrustTools, ca: TrustedFile): Promise<readonly TrustPlace[]> {
  const store = linuxStores.find((s) => tools.exists(s.folder));
  if (store === undefined) return [];
  const target = `${store.folder}/${trustName(ca.certificate)}.crt`;
  const [updater] = store.update;
  // The PATH of a normal user does not contain root's program folders.
  const missing = (await tools.findProgram(updater)) === undefined && !tools.exists(`/usr/sbin/${updater}`);
  const sudo = tools.uid === 0 ? undefined : await tools.findProgram('sudo');
  const asRoot = (command: TrustCommand): TrustCommand => (tools.uid === 0 ? command : ['sudo', ...command]);
  const obstacle = missing
    ? trustObstacle('updaterMissing', updater)
    : tools.uid !== 0 && sudo === undefined
      ? trustObstacle('needsRoot')
      : undefined;
  return [
    {
      title: trustStoreTitle(store.id),
      present: tools.read(target) !== undefined,
      adds: [['install', '-m', '0644', ca.file, target] as const, store.update].map(asRoot),
      removes: [['rm', '-f', target] as const, store.updateAfterRemoval].map(asRoot),
      system: true,
      ...(obstacle === undefined ? {} : { obstacle }),
    },
  ];
}

/** The login keychain of this user. It needs no root rights and does not affect other users. */
async function keychain(tools: TrustTools, ca: TrustedFile): Promise<TrustPlace> {
  const chain = `${tools.home}/Library/Keychains/login.keychain-db`;
  const hash = ca.certificate.fingerprint256.replaceAll(':', '');
  const found = await tools.run(['security', 'find-certificate', '-a', '-Z', chain]);
  return {
    title: trustStoreTitle('macos'),
    present: found.stdout.includes(hash),
    adds: [['security', 'add-trusted-cert', '-r', 'trustRoot', '-p', 'ssl', '-k', chain, ca.file]],
    removes: [
      ['security', 'remove-trusted-cert', ca.file],
      ['security', 'delete-certificate', '-Z', hash, chain],
    ],
    system: true,
  };
}
