/**
 * The words that the scan knows, by class. A class stands for what its words do in an instruction, so that a model trained
 * on "draft a letter" also knows "compose a poem". Written by hand, by people who have read the development data.
 */
export const wordClasses = {
  // Verbs that ask for something, as a bare sentence begins with them.
  create: "write compose draft create generate produce develop craft design author pen invent prepare construct formulate devise outline sketch make build narrate rewrite paraphrase",
  explain:
    "explain describe define discuss clarify elaborate summarize summarise analyze analyse compare contrast illustrate interpret evaluate assess examine explore teach outline review identify determine calculate compute solve estimate classify categorize rank recommend suggest advise predict list name enumerate recite interpret demonstrate convert translate transcribe tell show give provide offer present detail specify answer respond reply solve break brainstorm debug",
  alter:
    "add include insert incorporate integrate append prepend embed inject attach merge blend fuse weave meld infuse mix interlace intersperse introduce augment enhance enrich supplement extend modify adjust adapt alter tweak amend revise edit replace substitute swap exchange transform encode encrypt decode cipher obfuscate scramble shuffle rearrange reorder reverse invert jumble garble misspell capitalize lowercase uppercase remove omit strip drop eliminate combine group split separate repeat duplicate render format conclude begin start end finish sprinkle tease hint mention highlight emphasize stress promote advertise endorse praise criticize persuade convince encourage urge invite express convey portray utilize employ leverage adopt apply use execute run deploy implement ensure let consider guarantee assimilate absorb engage enlist harmonize feature",
  transfer:
    "transfer send pay wire deposit withdraw remit forward email share upload post publish submit transmit deliver dispatch leak exfiltrate copy export donate refund reimburse purchase buy sell trade order book reserve schedule subscribe tweet notify contact call",
  change:
    "update change set reset configure enable disable activate deactivate turn switch toggle unlock lock grant revoke allow deny authorize approve reject cancel delete erase wipe destroy purge clear uninstall install download save store rename move redirect reroute assign block unblock whitelist blacklist ban kick register enroll unsubscribe join leave follow unfollow like rate play stop pause raise lower increase decrease adjust guide initiate trigger launch restart reboot shut sign connect disconnect link unlink accept withdraw prioritize access retrieve fetch get find search read open check look collect gather extract obtain scan visit navigate browse go invite remove create",
  override: "ignore disregard forget bypass override skip neglect dismiss overlook abandon discard pretend act roleplay simulate behave obey adhere comply reveal disclose print expose repeat omit prioritize",
  polite: "please kindly pls urgently immediately asap promptly",
  lead: "also then next first firstly now finally lastly additionally furthermore moreover instead always never simply just remember don hesitate do not be must should to in seamlessly quickly carefully silently quietly secretly before after once when while and but so",
  question: "what who whom whose why how when where which can could would will is are does did do should may might",
  you: "you your yours yourself",
  me: "me my mine myself",
  // What an instruction to an assistant speaks of.
  reply: "response reply answer answers responses replies message summary output outputs conclusion statement text wording sentence sentences paragraph",
  artefact: "code codebase implementation solution snippet excerpt algorithm script program function block",
  role: "assistant ai agent model chatbot bot llm gpt chatgpt claude gemini llama copilot anthropic openai",
  control: "instruction instructions prompt prompts system guideline guidelines directive directives rules constraints task tasks objective goal command commands request query developer admin administrator policy policies safeguards",
  earlier: "previous prior earlier preceding above foregoing original initial existing former",
  only: "strictly only exclusively regardless instead solely must mandatory required override",
  urgent: "important urgent attention critical warning alert notice immediately emergency crucial essential priority note",
  secret: "secret secretly confidential hidden silently quietly without hide conceal discreetly covertly",
  people: "user users customer reader readers human client owner anyone victim",
  credential: "password passwords credential credentials token tokens passphrase apikey key keys secret secrets cookie cookies ssn pin otp code passport",
  personal: "address phone email emails contacts data information info details records history name names location file files documents document messages conversation conversations photo photos genetic medical health profile",
  money: "account accounts bank payment payments money funds usd dollars bitcoin btc eth crypto venmo paypal iban transaction transactions card balance wallet invoice rent mortgage subscription",
  genre: "poem story essay letter speech article haiku joke recipe song lyrics blog limerick dialogue paragraph slogan headline advertisement review report summary script email introduction riddle tweet caption tutorial presentation plan itinerary quiz",
  style: "words word letters letter vowels vowel spaces space numbers number symbols symbol emoji emojis uppercase capitals reverse reversed backwards backward base64 rot13 morse binary hex cipher caesar anagram anagrams typos misspellings language french spanish german italian russian chinese japanese korean arabic hindi portuguese latin english pirate rhyme rhymes tone alphabet keyboard punctuation",
  following: "following subsequent below next beneath",
  tool: "tool tools function functions call invoke api endpoint mcp parameter arguments execute",
} as const;

export type WordClass = keyof typeof wordClasses;
