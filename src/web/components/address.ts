/** The part of the page's address behind `#`: `#/keys/key_1` is the page `keys` with the place `key_1` in it. */
import { useEffect, useState } from 'preact/hooks';

export function placeInAddress(): readonly string[] {
  return location.hash
    .replace(/^#\//, '')
    .split('/')
    .map((part) => decoded(part));
}

/** The place in the page: the second part of the address, or undefined. */
export function usePlace(): string | undefined {
  const [place, setPlace] = useState(() => placeInAddress()[1]);
  useEffect(() => {
    const read = () => setPlace(placeInAddress()[1]);
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return place === '' ? undefined : place;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
