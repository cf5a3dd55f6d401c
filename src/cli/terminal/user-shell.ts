/**
 * Writes commands to paste for the shell of the user: POSIX shells, fish, or PowerShell on Windows.
 */
import type { Environment } from '../../core/environment.ts';
import { shellWord } from '../../core/shell-word.ts';

export type UserShell = 'posix' | 'fish' | 'powershell';

/** `SHELL` is the login shell. Another shell that runs inside is not known, and POSIX is the best guess then. */
export function userShell(platform: string, { SHELL = '' }: Environment): UserShell {
  if (platform === 'win32') return 'powershell';
  return /(^|\/)fish$/.test(SHELL) ? 'fish' : 'posix';
}

/** Sets a variable for the programs that this shell starts. */
export function exportLine(shell: UserShell, name: string, value: string): string {
  switch (shell) {
    case 'posix':
      return `export ${name}=${shellWord(value)}`;
    case 'fish':
      return `set -gx ${name} ${shellWord(value)}`;
    case 'powershell':
      return `$env:${name} = '${value.replaceAll("'", "''")}'`;
    default:
      return shell satisfies never;
  }
}

export interface ShellRequest {
  readonly url: string;
  /** A JSON body. */
  readonly body: string;
  /** The key, or undefined for the one in FLM_API_KEY. */
  readonly key: string | undefined;
  /** File of the CA that the client must trust. */
  readonly authorityFile: string | undefined;
  /** The server requires a client certificate; the files are placeholders. */
  readonly clientCertificate: boolean;
}

/** A POST request as a command of the shell. */
export function requestCommand(shell: UserShell, request: ShellRequest): string {
  const { url, body, key, authorityFile, clientCertificate } = request;
  if (shell === 'powershell')
    return [
      // PowerShell's own client, because curl.exe loses the quotes of the body before PowerShell 7.3.
      `Invoke-RestMethod ${url} -Method Post -ContentType application/json \``,
      `  -Headers @{ Authorization = "Bearer ${key ?? '$env:FLM_API_KEY'}" } \``,
      `  -Body '${body.replaceAll("'", "''")}'`,
    ].join('\n');
  const trust = authorityFile === undefined ? '' : `--cacert '${authorityFile.replaceAll("'", "'\\''")}' `;
  const identity = clientCertificate ? '--cert client.pem --key client-key.pem ' : '';
  return [
    `curl ${trust}${identity}${url} \\`,
    `  -H "Authorization: Bearer ${key ?? '$FLM_API_KEY'}" \\`,
    '  -H "Content-Type: application/json" \\',
    `  -d ${shellWord(body)}`,
  ].join('\n');
}
