/**
 * Signs the checksums of a release with Ed25519: SHA256SUMS.sig holds the 64 bytes of the signature of SHA256SUMS
 * (docs/adr/0010-signed-checksums.md). The public key is in release-key.json, which the build includes.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Makes a key pair: the private key in a new file that only its owner can read, the public key in release-key.json of
 * `root`. Throws if the file exists, or is inside the repository.
 */
export function makeKey(privateFile: string, root: string): void {
  const path = resolve(privateFile);
  if (path.startsWith(`${root}/`))
    throw new Error(`${path} is inside the repository. Keep the private key in another place.`);
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  const text = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  writeFileSync(join(root, 'release-key.json'), `${JSON.stringify({ publicKey: text }, undefined, 2)}\n`);
}

/** Writes SHA256SUMS of all files in `folder`, in the format of sha256sum(1). */
export function writeChecksums(folder: string): void {
  const lines = readdirSync(folder)
    .filter((name) => !name.startsWith('SHA256SUMS'))
    .sort()
    .map((name) => {
      const hash = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex');
      return `${hash}  ${name}\n`;
    });
  writeFileSync(join(folder, 'SHA256SUMS'), lines.join(''));
}

/**
 * Writes SHA256SUMS.sig, and the public key for openssl as flm-release-key.pem. `publicKey` is the key in the build.
 * Throws if the private key does not belong to it.
 */
export function signChecksums(folder: string, privateFile: string, publicKey: string | null): void {
  const privateKey = createPrivateKey(readFileSync(privateFile));
  const own = createPublicKey(privateKey);
  if (own.export({ type: 'spki', format: 'der' }).toString('base64') !== publicKey)
    throw new Error(`${privateFile} does not belong to the public key in release-key.json.`);
  const signature = sign(null, readFileSync(join(folder, 'SHA256SUMS')), privateKey);
  writeFileSync(join(folder, 'SHA256SUMS.sig'), signature);
  writeFileSync(join(folder, 'flm-release-key.pem'), own.export({ type: 'spki', format: 'pem' }));
}
