/** The form of a share: that of a key, and how long the link works. */
import { useState } from 'preact/hooks';
import { call } from '../../api/client.ts';
import type { ShareWithLink } from '../../api/share.ts';
import { t } from '../../i18n/texts.ts';
import { shareCommand } from '../keys/key-commands.ts';
import { documentOf, emptyFields } from '../keys/key-fields.ts';
import { KeyForm } from '../keys/key-form.tsx';
import { Choice } from '../parts.tsx';

const validSeconds = { '1h': 3_600, '24h': 86_400, '7d': 604_800, '30d': 2_592_000 } as const;
type Validity = keyof typeof validSeconds;

export function CreateShare({
  onMade,
  onClose,
}: {
  onMade: (made: ShareWithLink) => void;
  onClose: () => void;
}) {
  const [validity, setValidity] = useState<Validity>('24h');
  // One for each form: a repeated click makes no second link.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  return (
    <KeyForm
      title={t.share.create}
      button={t.share.make}
      before={emptyFields}
      commandOf={(fields) => shareCommand(fields, validity)}
      onSubmit={async (fields) => {
        const body = { ...documentOf(fields), validSeconds: validSeconds[validity] };
        onMade(
          await call<ShareWithLink>('POST', 'api/v1/shares', body, { 'idempotency-key': idempotencyKey }),
        );
      }}
      onClose={onClose}
    >
      <Choice label={t.share.validity} value={validity} options={t.share.validities} onChange={setValidity} />
    </KeyForm>
  );
}
