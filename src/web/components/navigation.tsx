/** The navigation: every page with its icon and name. On a phone it is a bar of five entries; the fifth opens the others. */
import { useEffect, useState } from 'preact/hooks';
import { t } from '../i18n/texts.ts';
import { type PageName, pageNames } from '../page-table.ts';
import { Icon } from './icons.tsx';
import { LanguageSwitch } from './language.tsx';

const inBar = 4;

export function Navigation({ current }: { current: PageName }) {
  const [isOpen, setOpen] = useState(false);
  useEffect(() => setOpen(false), [current]);
  return (
    <nav aria-label={t.navigation} class={isOpen ? 'open' : undefined}>
      <ul>
        <li class="product">
          <strong>{t.title}</strong>
        </li>
        {pageNames.slice(0, inBar).map((name) => (
          <Entry key={name} name={name} current={current} />
        ))}
        <li class="more-pages">
          <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            <Icon name="more" />
            {t.morePages}
          </button>
        </li>
        {pageNames.slice(inBar).map((name) => (
          <Entry key={name} name={name} current={current} class="beyond-bar" />
        ))}
        <li class="beyond-bar">
          <LanguageSwitch />
        </li>
      </ul>
    </nav>
  );
}

function Entry({ name, current, class: className }: { name: PageName; current: PageName; class?: string }) {
  return (
    <li class={className}>
      <a href={`#/${name}`} aria-current={name === current ? 'page' : undefined}>
        <Icon name={name} />
        {t[name].title}
      </a>
    </li>
  );
}
