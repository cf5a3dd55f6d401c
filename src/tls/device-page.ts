/**
 * The page for a phone or another computer that needs to trust the local CA: the steps for its system, and the CA's
 * certificate in the file formats that systems accept. The page contains no secret.
 */
import { createHash } from 'node:crypto';
import { type DevicePageLanguage, devicePageTexts } from './device-page-texts.ts';

export interface DeviceFacts {
  readonly title: string;
  readonly pem: string;
  readonly der: Buffer;
  /** SHA-256, in pairs of hex digits. */
  readonly fingerprint: string;
  /** The visitor has a link to open afterwards. */
  readonly hasLink?: boolean;
}

export interface DeviceAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
  /** The file name under which browsers save it. */
  readonly fileName?: string;
}

/** `userAgent` names the visitor's system, whose steps are shown open. */
export function deviceAnswer(
  path: string,
  facts: DeviceFacts,
  userAgent = '',
  language: DevicePageLanguage = 'en',
): DeviceAnswer {
  switch (path) {
    case '/':
      return {
        status: 200,
        type: 'text/html; charset=utf-8',
        body: Buffer.from(page(facts, systemOf(userAgent), language)),
      };
    case '/flm-ca.crt':
      return { status: 200, type: 'application/x-x509-ca-cert', body: facts.der, fileName: 'flm-ca.crt' };
    case '/flm-ca.pem':
      return {
        status: 200,
        type: 'application/x-pem-file',
        body: Buffer.from(facts.pem),
        fileName: 'flm-ca.pem',
      };
    case '/flm-ca.mobileconfig':
      return {
        status: 200,
        type: 'application/x-apple-aspen-config',
        body: Buffer.from(mobileConfig(facts)),
        fileName: 'flm-ca.mobileconfig',
      };
    default:
      return {
        status: 404,
        type: 'text/plain; charset=utf-8',
        body: Buffer.from('Not found.\n'),
      };
  }
}

/** Fields of every response: no script, no external content, no caching. The language is that of the visitor. */
export const deviceFields: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  vary: 'Accept-Language',
};

type System = 'apple-mobile' | 'android' | 'macos' | 'windows' | 'linux';

/** The first that matches: Android names Linux too, and phones of Apple name macOS. */
const systems: readonly (readonly [System, RegExp])[] = [
  ['android', /Android/],
  ['apple-mobile', /iPhone|iPad/],
  ['macos', /Mac OS X/],
  ['windows', /Windows/],
  ['linux', /Linux|X11/],
];

function systemOf(userAgent: string): System | undefined {
  return systems.find(([, pattern]) => pattern.test(userAgent))?.[0];
}

function page(
  { title, fingerprint, hasLink = false }: DeviceFacts,
  system: System | undefined,
  language: DevicePageLanguage,
): string {
  const texts = devicePageTexts[language];
  const ca = escaped(title);
  const steps = (of: System | undefined, name: string, list: readonly string[], after = ''): string =>
    `<details${of !== undefined && of === system ? ' open' : ''}><summary>${name}</summary><ol>${list.map((step) => `<li>${step}`).join('\n')}</ol>${after}</details>`;
  const then = hasLink ? `\n<p>${texts.openLink}</p>` : '';
  return `<!doctype html>
<html lang="${language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${texts.title(ca)}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}
code{overflow-wrap:anywhere;font-size:1.1rem}summary{font-weight:600;cursor:pointer;padding:.4rem 0}</style>
<h1>${ca}</h1>
<p>${texts.about}</p>
<p>${texts.compare}</p>
<p><code>${escaped(fingerprint)}</code></p>
${steps('apple-mobile', texts.appleMobileTitle, texts.appleMobile('flm-ca.mobileconfig'))}
${steps('android', 'Android', texts.android('flm-ca.crt'), `<p>${texts.androidApps}</p>`)}
${steps('macos', 'macOS', texts.macos('flm-ca.crt'))}
${steps('windows', 'Windows', texts.windows('flm-ca.crt'))}
${steps('linux', 'Linux', texts.linux('flm-ca.pem'))}
${steps(undefined, texts.firefoxTitle, texts.firefox('flm-ca.pem'))}${then}
</html>
`;
}

/**
 * Apple's configuration profile with one payload. The ids are derived from the certificate, so that a later profile
 * replaces an earlier one.
 */
function mobileConfig({ title, der, fingerprint }: DeviceFacts): string {
  const id = (what: string): string => {
    const hex = createHash('sha256').update(`${what} ${fingerprint}`).digest('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`.toUpperCase();
  };
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadType</key><string>Configuration</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>flm.local-ca.${id('profile')}</string>
<key>PayloadUUID</key><string>${id('profile')}</string>
<key>PayloadDisplayName</key><string>${escaped(title)}</string>
<key>PayloadDescription</key><string>SHA-256: ${escaped(fingerprint)}</string>
<key>PayloadContent</key><array><dict>
<key>PayloadType</key><string>com.apple.security.root</string>
<key>PayloadVersion</key><integer>1</integer>
<key>PayloadIdentifier</key><string>flm.local-ca.${id('root')}</string>
<key>PayloadUUID</key><string>${id('root')}</string>
<key>PayloadDisplayName</key><string>${escaped(title)}</string>
<key>PayloadCertificateFileName</key><string>flm-ca.crt</string>
<key>PayloadContent</key><data>${der.toString('base64')}</data>
</dict></array>
</dict></plist>
`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
