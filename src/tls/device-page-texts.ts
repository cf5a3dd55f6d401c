/**
 * The texts of the page for devices, in each language. They are HTML: a text that holds a file gets its link, and names
 * of menus are those of each system in that language.
 */

const debian =
  '<code>sudo install -m 0644 flm-ca.pem /usr/local/share/ca-certificates/flm-ca.crt &amp;&amp; sudo update-ca-certificates</code>';
const fedora =
  '<code>sudo install -m 0644 flm-ca.pem /etc/pki/ca-trust/source/anchors/ &amp;&amp; sudo update-ca-trust</code>';

const en = {
  title: (ca: string): string => `Trust ${ca}`,
  about:
    'A device that trusts this CA can use flm over HTTPS. The CA can vouch for private names and addresses only.',
  compare: `<strong>First compare.</strong> This page came over plain HTTP, so anybody on the network could have changed it. Go on only
if the terminal shows the same SHA-256 fingerprint, and compare it once more in the certificate that your device shows:`,
  appleMobileTitle: 'iPhone, iPad',
  appleMobile: (file: string): readonly string[] => [
    `Load the ${linked(file, 'profile')} in Safari and allow it.`,
    'Settings, General, VPN &amp; Device Management: install it.',
    'Settings, General, About, Certificate Trust Settings: switch it on.',
  ],
  android: (file: string): readonly string[] => [
    `Load the ${linked(file, 'certificate')}.`,
    'Settings, Security, More, Install from storage, CA certificate: choose the file.',
  ],
  androidApps:
    'Apps decide by themselves whether they trust certificates that a user installed; browsers do.',
  macos: (file: string): readonly string[] => [
    `Load the ${linked(file, 'certificate')} and open it in Keychain Access.`,
    'Double-click it there, Trust, Secure Sockets Layer: Always Trust.',
  ],
  windows: (file: string): readonly string[] => [
    `Load the ${linked(file, 'certificate')} and open it.`,
    'Install Certificate, Current User, Place in: Trusted Root Certification Authorities.',
  ],
  linux: (file: string): readonly string[] => [
    `Load the ${linked(file, 'certificate as PEM')}.`,
    `Debian, Ubuntu: ${debian}`,
    `Fedora: ${fedora}`,
  ],
  firefoxTitle: 'Firefox on any system',
  firefox: (file: string): readonly string[] => [
    `Load the ${linked(file, 'certificate as PEM')}.`,
    'Settings, Privacy &amp; Security, View Certificates, Authorities, Import; trust it for websites.',
  ],
  openLink: 'Then open the link that you got, or scan the second code.',
};

export type DevicePageTexts = typeof en;

const ja: DevicePageTexts = {
  title: (ca) => `${ca}を信頼する`,
  about:
    'このCAを信頼したデバイスでは、HTTPSでflmを使えます。このCAが証明できるのは、プライベートな名前とアドレスだけです。',
  compare:
    '<strong>最初に比較してください</strong>。このページは平文のHTTPで届いたため、ネットワーク上の誰かに書き換えられた可能性があります。ターミナルに同じSHA-256フィンガープリントが表示されている場合だけ、先に進んでください。デバイスに表示される証明書でも、もう一度比較してください:',
  appleMobileTitle: 'iPhone、iPad',
  appleMobile: (file) => [
    `Safariで${linked(file, 'プロファイル')}を開き、ダウンロードを許可します。`,
    '「設定」→「一般」→「VPNとデバイス管理」で、プロファイルをインストールします。',
    '「設定」→「一般」→「情報」→「証明書信頼設定」で、オンにします。',
  ],
  android: (file) => [
    `${linked(file, '証明書')}をダウンロードします。`,
    '「設定」→「セキュリティ」→「その他」→「ストレージからインストール」→「CA証明書」で、ファイルを選びます。',
  ],
  androidApps:
    'ユーザーがインストールした証明書を信頼するかどうかは、アプリによって異なります。ブラウザーは信頼します。',
  macos: (file) => [
    `${linked(file, '証明書')}をダウンロードし、「キーチェーンアクセス」で開きます。`,
    '証明書をダブルクリックし、「信頼」→「SSL（Secure Sockets Layer）」を「常に信頼」にします。',
  ],
  windows: (file) => [
    `${linked(file, '証明書')}をダウンロードして開きます。`,
    '「証明書のインストール」→「現在のユーザー」→「証明書をすべて次のストアに配置する」で、「信頼されたルート証明機関」を選びます。',
  ],
  linux: (file) => [
    `${linked(file, 'PEM形式の証明書')}をダウンロードします。`,
    `Debian、Ubuntu: ${debian}`,
    `Fedora: ${fedora}`,
  ],
  firefoxTitle: 'Firefox（すべてのシステム）',
  firefox: (file) => [
    `${linked(file, 'PEM形式の証明書')}をダウンロードします。`,
    '「設定」→「プライバシーとセキュリティ」→「証明書を表示」→「認証局証明書」→「インポート」で、Webサイトの識別に使う認証局として信頼します。',
  ],
  openLink: '次に、受け取ったリンクを開くか、2つ目のQRコードを読み取ってください。',
};

export const devicePageTexts = { en, ja } as const;

export type DevicePageLanguage = keyof typeof devicePageTexts;

// A record's keys are those of its type: the table is written above.
export const devicePageLanguages = Object.keys(devicePageTexts) as readonly DevicePageLanguage[];

function linked(file: string, text: string): string {
  return `<a href="/${file}">${text}</a>`;
}
