// Checks a proof that `signalbox audit prove` wrote: node check-proof.mjs <proof.json> <public key, base64>.
// It knows the format and nothing of Signalbox: Node and RFC 6962 are all it takes.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const must = (holds, what) => {
  if (!holds) throw new Error(what);
};
const only = (object, names) => must(Object.keys(object).sort().join() === names.split(" ").sort().join(), "unknown or missing members");

// 1. The record: its content gives its hash, and its content says which call it is.
const proof = JSON.parse(readFileSync(process.argv[2], "utf8"));
only(proof, "format event_id event_hash form path checkpoint keys");
must(proof.format === "signalbox-proof/1", "another format");
const frame = (text) => `${Buffer.byteLength(text)}:${text}`;
const record = sha256(proof.form.map(([key, value]) => frame(key) + frame(value)).join(""));
must(record.toString("hex") === proof.event_hash, "the record's hash");
const said = Object.fromEntries(proof.form);
const [producer, seq] = [said["signalbox.audit.producer"], Number(said["signalbox.audit.seq"])];
must(proof.event_id === `${producer}-${seq}`, "the call's id");

// 2. The path from the record's leaf to the root that was signed (RFC 9162, section 2.1.3.2).
const { checkpoint } = proof;
only(checkpoint, "event_type event_id occurred_at previous_hash key_id event_hash signature producer first_seq last_seq first_previous_hash head_hash merkle_root chain_algorithm canonical_form_version");
must(checkpoint.event_type === "audit.checkpoint" && checkpoint.producer === producer, "the checkpoint's producer");
let at = seq - Number(checkpoint.first_seq);
let last = Number(checkpoint.last_seq) - Number(checkpoint.first_seq);
must(at >= 0 && at <= last, "the checkpoint's range");
let root = sha256([0], record);
for (const sibling of proof.path.map((hex) => Buffer.from(hex, "hex"))) {
  must(last > 0, "the path's length");
  if (at % 2 === 1 || at === last) {
    root = sha256([1], sibling, root);
    for (; at % 2 === 0 && at > 0; at /= 2) last = Math.floor(last / 2);
  } else root = sha256([1], root, sibling);
  [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
}
must(last === 0 && root.toString("hex") === checkpoint.merkle_root, "the root");

// 3. Signatures: each key is vouched for by the one before and vouches for itself; the trusted one is among them.
const body = ({ event_hash, signature, public_key_signature, ...rest }) => Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)))));
const signed = (entry, key, signature) =>
  must(sha256(body(entry)).toString("hex") === entry.event_hash && Buffer.from(signature, "base64").toString("base64") === signature && verify(null, body(entry), createPublicKey({ key: Buffer.from(key, "base64"), type: "spki", format: "der" }), Buffer.from(signature, "base64")), `the signature of ${entry.event_id}`);
const keys = new Map();
for (const entry of proof.keys) {
  only(entry, "event_type event_id occurred_at previous_hash key_id event_hash signature public_key public_key_id public_key_signature");
  must(sha256(Buffer.from(entry.public_key, "base64")).toString("hex").slice(0, 16) === entry.public_key_id, "a key's id");
  if (keys.size === 0) keys.set(entry.public_key_id, entry.public_key);
  signed(entry, keys.get(entry.key_id), entry.signature);
  signed(entry, entry.public_key, entry.public_key_signature);
  keys.set(entry.public_key_id, entry.public_key);
}
must([...keys.values()].includes(process.argv[3]), "the trusted key");
signed(checkpoint, keys.get(checkpoint.key_id), checkpoint.signature);
console.log(`${proof.event_id} holds: signed ${checkpoint.occurred_at} by ${checkpoint.key_id}`);
