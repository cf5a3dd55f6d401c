/**
 * The property list of a launchd service as text (launchd.plist(5)). A comment contains the settings of the service, so
 * that flm recognises its own files.
 */
import { type ServiceUnit, stopSlackSeconds } from './unit-file.ts';

type PlistValue = string | number | boolean | readonly PlistValue[] | { readonly [key: string]: PlistValue };

const mark = '<!-- flm-service ';

/** The name of the service in launchd. */
export function plistLabel(profile: string): string {
  return `dev.flm.${profile}`;
}

export function plistText(unit: ServiceUnit, logFile: string): string {
  const { account, graceMs, home, profile, program } = unit;
  const list: PlistValue = {
    Label: plistLabel(profile),
    ProgramArguments: [...program, 'proxy', 'run', profile],
    EnvironmentVariables: { FLM_HOME: home, FLM_SETUP: 'off', NODE_DISABLE_COMPILE_CACHE: '1' },
    ...(account === undefined ? {} : { UserName: account, GroupName: account }),
    RunAtLoad: true,
    // Like Restart=on-failure of systemd: after `flm proxy stop` the service is not restarted.
    KeepAlive: { SuccessfulExit: false },
    // launchd slows down the processor and the disk of other types.
    ProcessType: 'Interactive',
    ExitTimeOut: Math.ceil(graceMs / 1000) + stopSlackSeconds,
    SoftResourceLimits: { NumberOfFiles: 65_536 },
    Umask: 0o077,
    StandardOutPath: logFile,
    StandardErrorPath: logFile,
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<!-- Written by `flm service install`. -->',
    // Two hyphens would end the comment.
    `${mark}${JSON.stringify(unit).replaceAll('--', '-\\u002d')} -->`,
    '<plist version="1.0">',
    element(list, ''),
    '</plist>\n',
  ].join('\n');
}

/** Returns the settings of the service; undefined if flm did not write the list. */
export function unitOfPlist(text: string): ServiceUnit | undefined {
  const line = text.split('\n').find((one) => one.startsWith(mark));
  if (line === undefined) return undefined;
  try {
    // Only root or the user itself writes this folder, and flm wrote the line.
    return JSON.parse(line.slice(mark.length).replace(/-->$/, '')) as ServiceUnit;
  } catch {
    return undefined;
  }
}

function element(value: PlistValue, indent: string): string {
  if (typeof value === 'string') return `${indent}<string>${xmlText(value)}</string>`;
  if (typeof value === 'number') return `${indent}<integer>${value}</integer>`;
  if (typeof value === 'boolean') return `${indent}<${value}/>`;
  const inner = `${indent}  `;
  if (isList(value))
    return [`${indent}<array>`, ...value.map((one) => element(one, inner)), `${indent}</array>`].join('\n');
  const entries = Object.entries(value).flatMap(([key, one]) => [
    `${inner}<key>${xmlText(key)}</key>`,
    element(one, inner),
  ]);
  return [`${indent}<dict>`, ...entries, `${indent}</dict>`].join('\n');
}

function isList(value: PlistValue): value is readonly PlistValue[] {
  return Array.isArray(value);
}

function xmlText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
