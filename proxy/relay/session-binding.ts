import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";

const MAC_CHARACTERS = 22;

/**
 * A session belongs to who began it. The id that a client is given is the upstream's own with a seal over the caller, the
 * server and that id: any worker can check it, and nothing has to be remembered or shared.
 */
export class SessionBinding {
  readonly #key: Buffer;

  constructor(digestKey: Buffer) {
    this.#key = Buffer.from(hkdfSync("sha256", digestKey, "", "signalbox/sessions", 32));
  }

  seal(upstreamId: string, owner: SessionOwner): string {
    return `${upstreamId}.${this.#mac(upstreamId, owner)}`;
  }

  /** The upstream's id, or null when the session is another's or was never given out. */
  open(sealed: string, owner: SessionOwner): string | null {
    const dot = sealed.length - MAC_CHARACTERS - 1;
    if (dot < 1 || sealed[dot] !== ".") return null;
    const upstreamId = sealed.slice(0, dot);
    const given = Buffer.from(sealed.slice(dot + 1), "latin1");
    const expected = Buffer.from(this.#mac(upstreamId, owner), "latin1");
    return given.length === expected.length && timingSafeEqual(given, expected) ? upstreamId : null;
  }

  #mac(upstreamId: string, owner: SessionOwner): string {
    const framed = JSON.stringify([owner.server, owner.agent, owner.principal, upstreamId]);
    return createHmac("sha256", this.#key).update(framed).digest("base64url").slice(0, MAC_CHARACTERS);
  }
}

export interface SessionOwner {
  readonly server: string;
  readonly agent: string;
  readonly principal: string;
}
