/**
 * "Ignore the previous instructions" and its kin in other languages: a verb that sets aside, within a short distance of a word
 * for what the agent was told. Latin script is matched where the first pass saw such a word; other scripts are looked for as
 * bytes, and only in text that holds bytes above 0x7f.
 */
interface Language {
  name: string;
  verbs: readonly string[];
  orders: readonly string[];
}

const languages: readonly Language[] = [
  { name: "spanish", verbs: ["ignora", "ignore", "ignorad", "ignorar", "olvida", "olvide", "olvidar", "descarta", "descarte", "omite", "omita", "haz caso omiso", "haga caso omiso", "no sigas", "no hagas caso"], orders: ["instrucciones", "indicaciones", "órdenes", "ordenes", "directrices", "reglas anteriores"] },
  { name: "french", verbs: ["ignorez", "ignore", "ignorer", "oubliez", "oublie", "oublier", "ne tenez pas compte", "ne tiens pas compte", "négligez", "faites abstraction"], orders: ["instructions", "consignes", "directives", "ordres", "règles précédentes"] },
  { name: "german", verbs: ["ignoriere", "ignorieren", "ignoriert", "vergiss", "vergessen", "missachte", "missachten", "verwirf", "beachte nicht"], orders: ["anweisungen", "anweisung", "instruktionen", "befehle", "vorgaben", "anleitungen", "anordnungen"] },
  { name: "italian", verbs: ["ignora", "ignorate", "ignori", "ignorare", "dimentica", "dimenticate", "trascura", "non seguire"], orders: ["istruzioni", "indicazioni", "direttive", "ordini precedenti"] },
  { name: "portuguese", verbs: ["ignore", "ignora", "ignorar", "esqueça", "esquece", "desconsidere", "desconsidera", "despreze"], orders: ["instruções", "instrucoes", "diretrizes", "ordens", "orientações"] },
  { name: "dutch", verbs: ["negeer", "negeren", "vergeet", "sla over"], orders: ["instructies", "aanwijzingen", "opdrachten", "richtlijnen"] },
  { name: "polish", verbs: ["zignoruj", "ignoruj", "zapomnij", "pomiń"], orders: ["instrukcje", "instrukcji", "polecenia", "poleceń", "wytyczne"] },
  { name: "swedish", verbs: ["ignorera", "glöm", "bortse"], orders: ["instruktioner", "anvisningar"] },
  { name: "turkish", verbs: ["yoksay", "yok say", "görmezden gel", "unut", "dikkate alma"], orders: ["talimat", "talimatları", "talimatlarını", "yönerge", "yönergeleri", "komutları"] },
  { name: "indonesian", verbs: ["abaikan", "lupakan"], orders: ["instruksi", "perintah", "petunjuk", "arahan"] },
  { name: "vietnamese", verbs: ["bỏ qua", "quên", "phớt lờ"], orders: ["hướng dẫn", "chỉ dẫn", "chỉ thị", "lệnh"] },
  { name: "russian", verbs: ["игнорир", "проигнорир", "забуд", "отбрось", "не обращай", "пренебре"], orders: ["инструкц", "указани", "команд", "правила"] },
  { name: "ukrainian", verbs: ["ігнору", "проігнору", "забуд"], orders: ["інструкц", "вказівк"] },
  { name: "chinese", verbs: ["忽略", "忽视", "无视", "無視", "忘记", "忘記", "不要理会", "不要遵循", "忽視", "抛开"], orders: ["指令", "指示", "说明", "說明", "提示词", "提示", "命令", "要求"] },
  { name: "japanese", verbs: ["無視", "忘れて", "忘れろ", "従わない"], orders: ["指示", "命令", "プロンプト", "指令", "インストラクション"] },
  { name: "korean", verbs: ["무시", "잊어", "따르지"], orders: ["지시", "명령", "지침", "프롬프트"] },
  { name: "arabic", verbs: ["تجاهل", "انس", "اهمل"], orders: ["تعليمات", "التعليمات", "أوامر", "الأوامر", "توجيهات", "التوجيهات"] },
  { name: "hindi", verbs: ["अनदेखा", "नज़रअंदाज़", "नजरअंदाज", "उपेक्षा", "भूल जा"], orders: ["निर्देश", "आदेश", "अनुदेश"] },
  { name: "persian", verbs: ["نادیده", "فراموش"], orders: ["دستور", "راهنمای"] },
  { name: "hebrew", verbs: ["התעלם", "התעלמ", "שכח"], orders: ["הוראות", "ההוראות", "הנחיות"] },
  { name: "thai", verbs: ["ละเว้น", "เพิกเฉย", "ไม่ต้องสนใจ"], orders: ["คำสั่ง", "คำแนะนำ"] },
  { name: "bengali", verbs: ["উপেক্ষা", "ভুলে যা"], orders: ["নির্দেশ"] },
];

/** As far apart as the two may stand, in bytes. */
const reach = 160;

/** Single words of Latin languages, for the first pass; each is none of English. */
export const foreignWords = [
  ...new Set(languages.flatMap((l) => [...l.verbs, ...l.orders]).filter((word) => /^[a-z\u00e0-\u024f]+$/.test(word) && !["ignore", "instructions", "directives"].includes(word))),
];

const expressions = languages.map((l) => {
  const group = (words: readonly string[]): string => `(?:${words.join("|")})`;
  const gap = "[^.!?。！？]{0,60}";
  return { name: `override-${l.name}`, expression: new RegExp(`${group(l.verbs)}${gap}${group(l.orders)}|${group(l.orders)}${gap}${group(l.verbs)}`, "u") };
});

/** Which languages' pattern matches `text`, which is in lower case and short. */
export function matchForeign(text: string): string[] {
  return expressions.filter((e) => e.expression.test(text)).map((e) => e.name);
}

const needles = languages.flatMap((l) => l.verbs.filter((word) => /[^\u0000-\u024f]/u.test(word)).flatMap((word) => [...new Set([word, word.charAt(0).toUpperCase() + word.slice(1)])])).map((word) => Buffer.from(word, "utf8"));
const maxHits = 16;

/** Stretches around verbs of other scripts, at most 16 of each. */
export function* foreignStretches(bytes: Buffer, from: number, to: number): Generator<[start: number, end: number]> {
  for (const needle of needles) {
    let hits = 0;
    for (let at = bytes.indexOf(needle, from); at !== -1 && at < to && hits < maxHits; at = bytes.indexOf(needle, at + reach), hits++) {
      yield [Math.max(from, at - reach), Math.min(to, at + needle.length + reach)];
    }
  }
}
