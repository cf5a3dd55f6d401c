import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { testCertificate } from '../../../test/helpers/test-certificate.ts';
import { commandText, type TrustCommand, type TrustTools, trustName } from './trust-place.ts';
import { change, trustPlaces } from './trust-places.ts';

const ca = {
  certificate: new X509Certificate(testCertificate('ca').cert),
  file: '/data/flm tls/authority.crt',
};
const name = trustName(ca.certificate);

interface Machine {
  readonly platform?: NodeJS.Platform;
  readonly uid?: number;
  readonly files?: readonly string[];
  readonly programs?: readonly string[];
  /** Programs that end with 1. */
  readonly failing?: readonly string[];
  readonly output?: string;
}

/** A machine of names alone: what would be run is written down. */
function machine(parts: Machine): TrustTools & { readonly ran: TrustCommand[] } {
  const { files = [], programs = [], failing = [] } = parts;
  const ran: TrustCommand[] = [];
  return {
    ran,
    platform: parts.platform ?? 'linux',
    uid: parts.uid ?? 0,
    home: '/home/me',
    exists: (path) => files.some((file) => file === path || file.startsWith(`${path}/`)),
    list: (folder) => [
      ...new Set(
        files
          .filter((f) => f.startsWith(`${folder}/`))
          .map((f) => f.slice(folder.length + 1).split('/')[0] ?? ''),
      ),
    ],
    read: (path) => (files.includes(path) ? 'pem' : undefined),
    findProgram: async (program) => (programs.includes(program) ? `/usr/bin/${program}` : undefined),
    async run(command) {
      ran.push(command);
      const fails = failing.includes(command[0]) || command.includes('-L');
      return { code: fails ? 1 : 0, stdout: parts.output ?? '', stderr: fails ? 'said no\n' : '' };
    },
  };
}

const debian = { files: ['/usr/local/share/ca-certificates/'], programs: ['update-ca-certificates'] };

test('Debian: the file is laid into the folder of local CAs, and the bundle is made again', async () => {
  const [place] = await trustPlaces(machine(debian), ca);

  const target = `/usr/local/share/ca-certificates/${name}.crt`;
  assert.deepEqual(place?.adds.map(commandText), [
    `install -m 0644 '/data/flm tls/authority.crt' ${target}`,
    'update-ca-certificates',
  ]);
  assert.deepEqual(place?.removes.map(commandText), [`rm -f ${target}`, 'update-ca-certificates --fresh']);
  assert.equal(place?.present, false);
});

test('a CA that lies there already is trusted already', async () => {
  const files = [`/usr/local/share/ca-certificates/${name}.crt`];

  assert.equal((await trustPlaces(machine({ ...debian, files }), ca))[0]?.present, true);
});

for (const [system, folder, program, update] of [
  ['Fedora', '/etc/pki/ca-trust/source/anchors', 'update-ca-trust', 'update-ca-trust extract'],
  ['Arch', '/etc/ca-certificates/trust-source/anchors', 'trust', 'trust extract-compat'],
] as const) {
  test(`${system}: its own folder and its own command`, async () => {
    const [place] = await trustPlaces(machine({ files: [`${folder}/`], programs: [program] }), ca);

    assert.equal(place?.adds.map(commandText)[1], update);
    assert.match(place?.adds.map(commandText)[0] ?? '', new RegExp(`${folder}/flm-local-ca-`));
  });
}

test('who is not root changes the system by sudo, or not at all', async () => {
  const withSudo = await trustPlaces(
    machine({ ...debian, uid: 1000, programs: ['update-ca-certificates', 'sudo'] }),
    ca,
  );
  const without = await trustPlaces(machine({ ...debian, uid: 1000 }), ca);

  assert.ok(withSudo[0]?.adds.every(([program]) => program === 'sudo'));
  assert.equal(withSudo[0]?.obstacle, undefined);
  assert.match(without[0]?.obstacle?.text ?? '', /only root/);
});

test('what is missing is named with the package that brings it', async () => {
  const files = ['/usr/local/share/ca-certificates/', '/home/me/.pki/nssdb/cert9.db'];
  const places = await trustPlaces(machine({ files }), ca);

  assert.deepEqual(
    places.map((p) => p.obstacle?.text.match(/package (\S+)/)?.[1]),
    ['ca-certificates', 'libnss3-tools'],
  );
});

test('browsers: the shared store of Chromium and every profile of Firefox, for servers alone', async () => {
  const files = [
    '/home/me/.pki/nssdb/cert9.db',
    '/home/me/.mozilla/firefox/abc.default/cert9.db',
    '/home/me/.mozilla/firefox/profiles.ini',
  ];
  const places = await trustPlaces(machine({ files, programs: ['certutil'] }), ca);

  assert.deepEqual(
    places.map((p) => p.title.text),
    ['Chromium, Chrome, Brave, Edge', 'Firefox, profile abc.default'],
  );
  assert.deepEqual(places[0]?.adds.map(commandText), [
    `certutil -A -d sql:/home/me/.pki/nssdb -t C,, -n ${name} -i '/data/flm tls/authority.crt'`,
  ]);
});

test('a Chromium that never ran gets its store made', async () => {
  const [place] = await trustPlaces(machine({ programs: ['certutil', 'chromium'] }), ca);

  assert.deepEqual(
    place?.adds.map(([program]) => program),
    ['mkdir', 'certutil', 'certutil'],
  );
});

test('macOS: the login keychain of this user, without root', async () => {
  const tools = machine({
    platform: 'darwin',
    uid: 501,
    output: ca.certificate.fingerprint256.replaceAll(':', ''),
  });
  const [place] = await trustPlaces(tools, ca);

  assert.equal(place?.present, true);
  assert.match(
    place?.adds.map(commandText)[0] ?? '',
    /^security add-trusted-cert -r trustRoot -p ssl -k \/home\/me\/Library/,
  );
});

test('a command that fails ends the change, and is named with what it said', async () => {
  const tools = machine({ ...debian, failing: ['install'] });
  const [place] = await trustPlaces(tools, ca);
  assert.ok(place !== undefined);

  await assert.rejects(change(tools, place, 'add'), (error: Error & { code: string }) => {
    assert.equal(error.code, 'CERT_TRUST_FAILED');
    assert.match(error.message, /install .* ended with 1 \(said no\)/);
    return true;
  });
  assert.equal(tools.ran.length, 1);
});
