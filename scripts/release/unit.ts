/**
 * The systemd unit that the Debian package installs: the unit of `flm service install`, with the path of the package's
 * program.
 */
import { parseProxyConfig } from '../../src/core/proxy/proxy-config.ts';
import { serviceUnitText } from '../../src/service/unit-file.ts';

/** How long running responses may take at a stop: the default of a proxy. */
const { graceMs } = parseProxyConfig({});

const advice = 'Put changes of your own into a drop-in: `systemctl edit flm`.';

export function debianUnit(): string {
  const text = serviceUnitText({
    kind: 'system',
    profile: 'default',
    home: '/var/lib/flm',
    account: 'flm',
    program: ['/usr/bin/flm'],
    graceMs,
    // Debian's systemd has systemd-notify.
    notify: true,
  });
  // Replaces the first line, which says that flm wrote the file, because dpkg owns this file. The second line stays for
  // `flm service`.
  const [, ...lines] = text.split('\n');
  return [`# Part of the package flm-proxy. ${advice}`, ...lines].join('\n');
}
