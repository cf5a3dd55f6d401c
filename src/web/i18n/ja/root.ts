import type { root as english } from '../en/root.ts';

/** The page at `/` of a proxy. */
export const root: typeof english = {
  title: 'flmが動作しています',
  askOwner:
    'このアドレスでは、APIキーを持つプログラムに言語モデルを提供しています。キーについては、このサーバーの管理者にお問い合わせください。',
  haveKey: 'キーをお持ちですか？',
  openOwnKey: '利用できる機能と使用量を確認する',
};
