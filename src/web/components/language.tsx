/** The language of a page: what shows the page again after a change, and the buttons that change it. */
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import { changeLanguage, type Language, languages, t, whenLanguageChanges } from '../i18n/texts.ts';

/** Each in its own language, for a reader who does not read the other. */
const names: Readonly<Record<Language, string>> = { en: 'English', ja: '日本語' };

/** Returns the language of the texts. The component, and all below it, is shown again when the language changes. */
export function useLanguage(): string {
  const [language, setLanguage] = useState(t.language);
  useEffect(() => whenLanguageChanges(() => setLanguage(t.language)), []);
  // Before the first paint, because styles depend on it.
  useLayoutEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return language;
}

export function LanguageSwitch() {
  return (
    <>
      {languages
        .filter((language) => language !== t.language)
        .map((language) => (
          <button
            type="button"
            class="language"
            lang={language}
            key={language}
            onClick={() => changeLanguage(language)}
          >
            {names[language]}
          </button>
        ))}
    </>
  );
}
