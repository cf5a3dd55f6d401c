/**
 * Quotes a word for a POSIX shell: in single quotes if it contains special characters.
 */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
