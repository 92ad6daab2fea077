/**
 * A script or a style that did not arrive leaves a page that stands still: load it anew.
 *
 * Where the machine's network changes during a load (Wi-Fi, a VPN, a container that starts),
 * chromium gives up each request that waits for a connection (ERR_NETWORK_CHANGED), for good.
 */

// Not a module, and before all others: it is there when one of them is missing.
const AGAIN_MS = 3_000;

async function loadAgain(url) {
  // Without a bridge the browser's own error page would take this one's place, and stay.
  const asked = fetch(url, { method: "HEAD", cache: "no-store" });
  const { status } = await asked.catch(() => ({ status: 0 }));
  if (status === 200) location.reload();
  // What does not exist would not arrive the next time either.
  else if (status !== 404) setTimeout(loadAgain, AGAIN_MS, url);
}

// These errors do not bubble: they are seen on the way down only.
addEventListener("error", ({ target }) => {
  if (target instanceof HTMLScriptElement || target instanceof HTMLLinkElement) {
    setTimeout(loadAgain, AGAIN_MS, target.src || target.href);
  }
}, true);
