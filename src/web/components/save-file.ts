/** Gives the reader a text as a file of their own; nothing stays in the browser. */
export function saveTextFile(name: string, text: string, type: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

export function saveCsvFile(name: string, text: string): void {
  saveTextFile(name, text, 'text/csv');
}
