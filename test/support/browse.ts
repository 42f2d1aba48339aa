/**
 * A person's browser, as far as a login needs one: follows redirects and keeps cookies, until it is led away from where it
 * began. Gives the URL there, which is the client's own, without opening it.
 */
export async function browse(start: URL | string): Promise<URL> {
  const cookies = new Map<string, string>();
  const { origin } = new URL(start);
  let at = new URL(start);
  for (let steps = 0; steps < 20; steps++) {
    const response = await fetch(at, { redirect: "manual", headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") } });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      cookies.set(name!, value!);
    }
    const next = response.headers.get("location");
    if (next === null) throw new Error(`${at.pathname} led nowhere (status ${response.status}): ${(await response.text()).replace(/<[^>]+>|\s+/g, " ").slice(0, 300)}`);
    await response.body?.cancel();
    at = new URL(next, at);
    if (at.origin !== origin) return at;
  }
  throw new Error("the login did not come to an end");
}
