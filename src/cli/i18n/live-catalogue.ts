/**
 * A catalogue of texts whose language can change. A change replaces the entries in place, so that a module may keep a
 * part of the catalogue (`const texts = t.key`), but no single text and no list. The command line and the pages use it.
 */
type Entries = Record<string, unknown>;

/** Returns a copy that `replaceTexts` may change. */
export function liveCatalogue<Catalogue extends object>(texts: Catalogue): Catalogue {
  const copy = {};
  replaceEntries(copy, entriesOf(texts));
  // The copy has every entry.
  return copy as Catalogue;
}

export function replaceTexts<Catalogue extends object>(live: Catalogue, texts: Catalogue): void {
  replaceEntries(entriesOf(live), entriesOf(texts));
}

function replaceEntries(target: Entries, source: Readonly<Entries>): void {
  for (const [name, entry] of Object.entries(source)) {
    if (isPart(entry)) {
      target[name] ??= {};
      // Catalogues have the same form.
      replaceEntries(target[name] as Entries, entry);
    } else target[name] = entry;
  }
}

function isPart(entry: unknown): entry is Entries {
  return typeof entry === 'object' && entry !== null && !Array.isArray(entry);
}

/** Every object can be read by the names of its entries. */
function entriesOf(texts: object): Entries {
  return texts as Entries;
}
