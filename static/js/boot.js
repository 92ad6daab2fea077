/**
 * A script or a style that did not arrive leaves a page that stands still: load it anew.
 *
 * Where the machine's network changes during a load (Wi-Fi, a VPN, a container that starts),
 * chromium gives up each request that waits for a connection (ERR_NETWORK_CHANGED), for good.
 */

// Not a module, and before all others: it is there when one of them is missing.
const AGAIN_MS = 3_000;

async function loadAgain() {
  // Without a bridge the browser's own error page would take this one's place, and stay.
  const { ok } = await fetch("/live").catch(() => ({ ok: false }));
  if (ok) location.reload();
  else setTimeout(loadAgain, AGAIN_MS);
}

// These errors do not bubble: they are seen on the way down only.
addEventListener("error", ({ target }) => {
  if (target instanceof HTMLScriptElement || target instanceof HTMLLinkElement) {
    setTimeout(loadAgain, AGAIN_MS);
  }
}, true);
